"""Benchmarks: what one machine does, measured against what its database alone can do."""
