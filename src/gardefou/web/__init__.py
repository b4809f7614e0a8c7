"""Everything that knows HTTP: the JSON API, the console, problem details, the server."""
