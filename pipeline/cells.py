"""A value as the text of one cell, in CSV and on the screen."""

import datetime as dt
from typing import Any

import msgspec


def text_of(value: Any) -> str:
    """Nothing for null, times by ISO 8601, what is nested as JSON, bytes in base64."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return msgspec.json.encode(value).decode()[1:-1]
    if isinstance(value, list | dict | tuple):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)
