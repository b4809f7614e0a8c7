"""Gardefou: the rail between the people who decide about accounts and the platform."""
