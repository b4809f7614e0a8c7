"""Signing in through the organisation's own identity provider (OpenID Connect).

A person is the pair of issuer and subject (R5), never an address. What the
provider signs is judged in `claims`, after `provider` has checked who signed
it; `attempts` remembers what was begun. Nothing here is loaded before it is
needed, as the libraries take long to load.
"""
