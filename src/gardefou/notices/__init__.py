"""Notices: what people on duty are told over chat, mail and pager, in words, and the way out of here."""
