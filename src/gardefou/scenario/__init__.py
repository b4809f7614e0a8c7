"""Scenarios: incidents as files, replayed in moments on the same engine, storage and ledger as production.

`load` reads a file, `run` replays it, `expect` compares what happened with what
the file expects, `report` writes it down. Nothing below this package knows that
it is not production: only clock and randomness are injected.
"""
