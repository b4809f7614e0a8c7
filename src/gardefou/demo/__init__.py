"""The demo: Gardefou shown on its own engine, in a minute, on a store made for it."""
