"""The kinds of guarded change, one file for each thing that they change."""
