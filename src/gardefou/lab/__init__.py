"""A real throw-away homeserver for tests and the Matrix demo."""
