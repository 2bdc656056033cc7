"""Addresses of trackers in sentences: who may speak to one is nobody else's to read."""

import re

CREDENTIALS = re.compile(r"(?<=://)\S*@")
"""User and password, up to the last @, for a password may have one: rather too much of an address is left out."""

SECRET = re.compile(r"(?<=[?&])([\w.\-]*(?:password|passwd|token|secret|key)[\w.\-]*)=[^\s&#'\")]*", re.IGNORECASE)
"""A word of an address' query that lets somebody in."""


def without_secrets(text: str) -> str:
    """A text, whoever wrote it, without what its addresses say of users and passwords."""
    return SECRET.sub(r"\1=…", CREDENTIALS.sub("", text))
