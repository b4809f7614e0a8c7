"""The platforms that Gardefou can act on, each one file behind one protocol."""
