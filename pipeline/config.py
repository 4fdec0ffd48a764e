"""wirebeam.toml: the options of `wirebeam run` and `wirebeam poll`, and the sinks with their rules, in a file.

The command line wins over the file, option by option; sinks and feeds named there take the place of the file's. Nothing
is taken for granted: an unknown key or a value of no use is an error that names file, line and key.

`${NAME}` in `feeds` and in a sink's `uri` stands for an environment variable, so that a password need not stand in the
file. Errors show the file's own words, never what these stand for.
"""

import datetime as dt
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from pipeline.deliver import Terms
from pipeline.durations import parse_duration
from pipeline.logs import LogForm
from pipeline.sinks import rules
from pipeline.sinks.rules import Rules
from schemas.enums import BodyPolicy

FILE_NAME = "wirebeam.toml"  # looked for in the working directory

T = TypeVar("T")


class ConfigError(Exception):
    """The file cannot be used as it is. Its message is one line for the operator."""


class SinkTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[sink]]` table as it stands in the file."""

    uri: str
    flush: str | None = None
    tables: Annotated[list[str], msgspec.Meta(min_length=1)] | None = None
    leave_out: dict[str, list[str]] = {}
    languages: Annotated[list[str], msgspec.Meta(min_length=1)] | None = None
    bodies: BodyPolicy = BodyPolicy.FULL
    bodies_if_reserved: BodyPolicy = BodyPolicy.FULL


class ConfigTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it stands; a key is named as its option, and means the same."""

    feeds: list[str] = []
    data: str | None = None
    allow_net: list[str] | None = None
    contact: str | None = None
    initial: str | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    host_delay: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] | None = None
    min_interval: str | None = None
    max_interval: str | None = None
    interval: str | None = None
    revisit: str | None = None
    raw: str | None = None
    raw_keep: str | None = None
    flush: str | None = None
    outbox_limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    metrics: str | None = None
    log: LogForm | None = None
    sink: list[SinkTable] = []


class SinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A sink: where it is, and on which terms it is delivered to."""

    uri: str
    terms: Terms


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration file says.

    Args:
        path: the file; None without one.
        options: values of options by their names, as the command line would give them; feeds and sinks apart.
        feeds: files and addresses, with their secrets.
        sinks: in the file's order.
    """

    path: Path | None = None
    options: dict[str, Any] = {}
    feeds: tuple[str, ...] = ()
    sinks: tuple[SinkConfig, ...] = ()


def read_config(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file.

    Args:
        path: the file.
        environ: what `${NAME}` stands for.

    Raises:
        ConfigError: it cannot be read, is no TOML, holds an unknown key or a value of no use, or names an environment
            variable that is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    try:
        table = msgspec.convert(tomllib.loads(text), ConfigTable)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)", str(error))
        words = str(error).removesuffix(place[0]) if place else str(error)
        raise ConfigError(f"{path}:{place[1]}: no TOML: {words}" if place else f"{path}: no TOML: {words}") from None
    except msgspec.ValidationError as error:
        raise _invalid(path, text, str(error)) from None
    return _config(_File(path, text, environ), table)


def find_config(given: Path | None) -> Config:
    """The configuration that a command is to use: of the file given, else of the working directory's, if it has one.

    Raises:
        ConfigError: as `read_config`.
    """
    path = given or Path(FILE_NAME)
    return read_config(path) if given or path.is_file() else Config()


# ── what values mean, here and on the command line ─────────────────────────────────────────────────────────────────

_INITIAL = re.compile(r"all|none|newest:([1-9]\d{0,5})")


def newest(initial: str) -> int | None:
    """How many of a new feed's newest entries to take, None for all.

    Raises:
        ValueError: it is not all, none or newest:N.
    """
    matched = _INITIAL.fullmatch(initial)
    if not matched:
        raise ValueError(f"{initial!r} is not all, none or newest:N")
    return {"all": None, "none": 0}.get(initial, int(matched[1] or 0))


def ages(revisit: str) -> tuple[dt.timedelta, ...]:
    """The ages at which a page is looked at again.

    Raises:
        ValueError: one is no duration, or they do not rise.
    """
    found = () if revisit == "none" else tuple(parse_duration(age) for age in revisit.split(","))
    if list(found) != sorted(set(found)):
        raise ValueError(f"{revisit!r}: each age must be longer than the one before it")
    return found


_READERS: Mapping[str, Callable[[str], object]] = {
    "initial": newest,
    "min_interval": parse_duration,
    "max_interval": parse_duration,
    "interval": parse_duration,
    "revisit": ages,
    "raw_keep": parse_duration,
    "flush": parse_duration,
}


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _File:
    """A file while it is read: knows its lines and says what is wrong where."""

    def __init__(self, path: Path, text: str, environ: Mapping[str, str]) -> None:
        self._path = path
        self._text = text
        self._environ = environ

    def read(self, reader: Callable[[Any], T], value: object, key: str, sink: int | None = None) -> T:
        """What `reader` makes of a value.

        Raises:
            ConfigError: it makes nothing of it.
        """
        try:
            return reader(value)
        except ValueError as error:
            raise ConfigError(f"{_place(self._path, self._text, key, sink)}: {key}: {error}") from None

    def with_secrets(self, text: str) -> str:
        """`text` with the values of the environment variables that it names."""

        def value(name: re.Match[str]) -> str:
            if name[1] not in self._environ:
                raise ValueError(f"environment variable {name[1]} is not set")
            return self._environ[name[1]]

        return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, text)

    @property
    def path(self) -> Path:
        return self._path


def _config(file: _File, table: ConfigTable) -> Config:
    said = msgspec.structs.asdict(table)
    options = {key: value for key, value in said.items() if key not in {"feeds", "sink"} and value is not None}
    for key, reader in _READERS.items():
        if key in options:
            file.read(reader, options[key], key)
    return Config(
        path=file.path,
        options=options,
        feeds=tuple(file.read(file.with_secrets, each, "feeds") for each in table.feeds),
        sinks=tuple(_sink(file, each, number) for number, each in enumerate(table.sink)),
    )


def _sink(file: _File, table: SinkTable, number: int) -> SinkConfig:
    def read(reader: Callable[[Any], T], key: str) -> T | None:
        value = getattr(table, key)
        return None if value is None else file.read(reader, value, key, number)

    flush = read(parse_duration, "flush")
    return SinkConfig(
        uri=file.read(file.with_secrets, table.uri, "uri", number),
        terms=Terms(
            flush_s=None if flush is None else flush.total_seconds(),
            rules=Rules(
                tables=read(rules.known_tables, "tables"),
                leave_out=file.read(rules.left_out, table.leave_out, "leave_out", number),
                languages=read(rules.ranges, "languages"),
                bodies=table.bodies,
                bodies_if_reserved=table.bodies_if_reserved,
            ),
        ),
    )


# ── where something stands ─────────────────────────────────────────────────────────────────────────────────────────


def _invalid(path: Path, text: str, error: str) -> ConfigError:
    """The words of msgspec, as in "Expected `int`, got `str` - at `$.sink[1].uri`", with file, line and key."""
    words, _, at = error.partition(" - at ")
    steps = re.findall(r"\w+", at)
    sink = int(steps[1]) if steps[:1] == ["sink"] and len(steps) > 1 else None
    names = [step for step in steps if step != "sink" and not step.isdigit()]
    if unknown := re.search(r"unknown field `(.*)`", words):
        known = _keys(SinkTable if sink is not None else ConfigTable)
        return ConfigError(f"{_place(path, text, unknown[1], sink)}: unknown key {unknown[1]!r}: one of {known}")
    key = names[0] if names else "sink"
    return ConfigError(f"{_place(path, text, key, sink)}: {key}: {words}")


def _keys(table: type[msgspec.Struct]) -> str:
    return ", ".join(table.__struct_fields__)


def _place(path: Path, text: str, key: str, sink: int | None) -> str:
    """The file and, where it can be told, the line of a key, in the sink table of this number or outside of any."""
    line = _line_of(text.splitlines(), key, sink)
    return f"{path}:{line}" if line else str(path)


def _line_of(lines: Iterable[str], key: str, sink: int | None) -> int | None:
    begins_key = re.compile(rf"\s*(?:\[+\s*)?(?:sink\s*\.\s*)?[\"']?{re.escape(key)}[\"']?\s*[.=\]]")
    at, header = -1, None
    for number, line in enumerate(lines, start=1):
        if re.match(r"\s*\[\[\s*sink\s*\]\]", line):
            at, header = at + 1, number if at + 1 == sink else header
        if (at == sink if sink is not None else at < 0) and begins_key.match(line):
            return number
    return header
