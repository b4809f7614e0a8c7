"""What things are: frozen values and the enforcement's state table. Standard library only."""
