"""Safety nets: the facts, the language of conditions, the verdict and its join, and the shipped sets.

Pure: the standard library, ``rapidfuzz`` and ``confusable-homoglyphs``; no
database, no HTTP, no framework, no clock.
"""
