"""Structured logs on standard error: lines for a person, or one JSON object a line; never a secret in either.

`configure` is called once, by the command line. Our own modules log events with `structlog.get_logger()`; what
libraries log by the standard library goes the same way, from WARNING on. Strings may come from feeds and pages: secrets
are taken out of them, and in the lines for a person control characters are spelt out, so that nobody can forge a line.
"""

import logging
import math
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import structlog

HIDDEN = "***"
TEXT_LIMIT = 10_000  # characters of one string of an event
_DEPTH_LIMIT = 5  # of values within values, and of encodings within encodings
_OURS = ("pipeline", "transforms", "schemas")
_OUR_WORDS = frozenset({"entry_key"})  # no secret, though it is named like one

# What Beam says to everybody at every start, on these loggers.
_NOISY = frozenset({"root", "apache_beam.io.filesystems"})
_NOISE = (
    "apitools not found",
    "Failed to import",  # a cloud's file system that is not installed
    "TaggedOutput in return type must include type parameters",
    "This output type hint will be ignored",
)


class LogForm(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


def configure(form: LogForm = LogForm.CONSOLE) -> None:
    """Send all logs of this process to standard error, as it is now, in one form.

    Our own events are written from INFO on, those of libraries and Python's warnings from WARNING on. What was
    configured before, be it by a library, is replaced.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
        )
    )
    handler.addFilter(_is_worth_a_line)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the event without secrets, see `without_secrets`; a value is hidden whole by its name.

    Values that are no plain data become their text first: an exception's words hold addresses.
    """
    return {key: value if key.startswith("_") else _clean(key, value, _DEPTH_LIMIT) for key, value in event.items()}


def without_secrets(text: str) -> str:
    """`text` with `***` in the place of whatever looks like a secret.

    That is: user name and password of a URL (RFC 3986, 3.2.1); the value of a `name=value` whose name says that it is
    one (`is_secret`), be it in a query, also a percent-encoded one, or in a connection string; `'name': value` of that
    kind, as a dictionary prints it; credentials in HTTP headers (RFC 9110, 11.6). The time taken grows with the length
    of `text` and nothing else.
    """
    return _without_secrets(text, _DEPTH_LIMIT)


def is_secret(name: str) -> bool:
    """Whether a parameter, header or field of this name holds a secret.

    A name is split into words at whatever is no letter, and at the capitals of camelCase; it is secret if one of them,
    its plural aside, ends in key, token, password and the like: `api_key`, `X-Amz-Signature`, `accessToken`, but
    neither `keyword` nor `author`.
    """
    if name in _OUR_WORDS:
        return False
    decoded = unquote(name)
    words = [*re.findall(r"[a-z]+", decoded.lower()), *re.findall(r"[A-Z]?[a-z]+", decoded)]
    return any(word.lower().removesuffix("s").endswith(_SECRET_ENDINGS) for word in words)


# ── secrets in text ────────────────────────────────────────────────────────────────────────────────────────────────

_SECRET_ENDINGS = (
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "pas",  # pass, its s taken for a plural
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "sig",
    "signature",
    "token",
)
# All of these are linear in time: what repeats stops where its next match would begin, or is bounded.
_USER = re.compile(r"//[^\s/?#\"<>]*@")
# A password with a raw slash or question mark; a port before a path with an @ in it is none.
_BROKEN_USER = re.compile(r"//[^\s/?#@:]{0,200}:(?!\d{1,5}[/?#])[^\s@\"<>]{1,200}@")
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,50}(?:key|token|auth))\s?:[^\n\"'][^\n]*", re.IGNORECASE
)
_SCHEME = re.compile(r"\b(bearer|basic)\s[\w.~+/=-]{16,}", re.IGNORECASE)
# name=, and 'name': or 'name', as a dictionary or a list of pairs prints it
_NAME = re.compile(r"(?<![\w.%\[\]-])([\w.%\[\]-]+)(?:\s?=\s?|\\{0,4}[\"']\s?[:,]\s?(?:b(?=[\"']))?)")
_VALUE = re.compile(r"\\{0,4}(?:\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[^\s&\"'<>]*)")
_ENCODED = re.compile(r"[\w.%+~*-]*")


def _without_secrets(text: str, depth: int) -> str:
    text = _USER.sub(f"//{HIDDEN}@", text)
    text = _BROKEN_USER.sub(f"//{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1: {HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    return _without_secret_values(text, depth)


def _without_secret_values(text: str, depth: int) -> str:
    parts = []
    done = 0
    for name in _NAME.finditer(text):
        start = name.end()
        if name.start() < done:
            continue  # within a value that is hidden
        if is_secret(name[1]):
            end = _end(_VALUE, text, start)
        else:
            end = _end(_ENCODED, text, start)
            if not _holds_encoded_secret(text[start:end], depth):
                continue
        if end > start:
            quote = text[start] if text[start] in "\"'" else ""
            parts += [text[done:start], quote, HIDDEN, quote]
            done = end
    return "".join([*parts, text[done:]])


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _holds_encoded_secret(value: str, depth: int) -> bool:
    """Whether `value`, percent-encoded, is an address with a secret in it; what is encoded too deep to tell counts."""
    decoded = unquote(value)
    if decoded == value:
        return False
    return not depth or _without_secrets(decoded, depth - 1) != decoded or _holds_encoded_secret(decoded, depth - 1)


# ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _clean(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_secret(name):
        return HIDDEN
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping) and depth:
        return {without_secrets(str(key)): _clean(str(key), one, depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return [_clean("", one, depth - 1) for one in value]
    return _shortened(without_secrets(str(value)))


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} …"


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.name not in _NOISY or not str(record.msg).startswith(_NOISE)


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────

# C0 and C1 controls and the marks that turn the writing direction round; a traceback keeps its line feeds.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROLS_IN_BLOCK = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BLOCKS = frozenset({"exception", "stack"})


def _renderers(form: LogForm) -> list[Any]:
    if form is LogForm.JSON:
        return [structlog.processors.JSONRenderer()]
    has_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return [
        _spell_controls,
        structlog.dev.ConsoleRenderer(colors=has_colours, exception_formatter=structlog.dev.plain_traceback),
    ]


def _spell_controls(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        key: (_CONTROLS_IN_BLOCK if key in _BLOCKS else _CONTROLS).sub(_spelt, value)
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _spelt(control: re.Match[str]) -> str:
    return ascii(control[0])[1:-1]
