"""SCIM 2.0 (RFC 7643, 7644) at ``/scim/v2``: the organisation's directory says who works here."""
