"""wirebeam.toml: what it says is taken, what it cannot mean is refused with file, line and key."""

import dataclasses
from pathlib import Path

import pytest

from pipeline.cli.run_feeds import Options
from pipeline.config import Config, ConfigError, ConfigTable, find_config, read_config
from pipeline.logs import LogForm
from schemas.enums import BodyPolicy

WHOLE = """
# all of it
feeds = ["feeds.opml", "https://reader:${FEED_PASSWORD}@outlet.example/feed"]
data = "/var/lib/wirebeam"
contact = "you@example.org"
allow_net = ["10.0.0.0/8"]
initial = "newest:20"
concurrency = 8
host_delay = 2
min_interval = "2m"
max_interval = "12h"
interval = "10m"
revisit = "1h,1d"
raw = "/data/raw"
raw_keep = "90d"
flush = "1m"
outbox_limit = 5000
metrics = "127.0.0.1:9464"
log = "json"

[[sink]]
uri = "iceberg:/data/warehouse"

[[sink]]
uri = "postgresql://wirebeam:${PG_PASSWORD}@db.example/news"
flush = "0s"
tables = ["articles", "revisions", "links"]
languages = ["en", "pt-BR"]
bodies = "excerpt"
bodies_if_reserved = "none"

[sink.leave_out]
articles = ["entities", "raw_ref"]
"""
ENVIRONMENT = {"PG_PASSWORD": "hush", "FEED_PASSWORD": "quiet"}


def written(folder: Path, text: str) -> Path:
    path = folder / "wirebeam.toml"
    path.write_text(text)
    return path


def test_every_option_of_a_run_that_lasts_is_a_key() -> None:
    only_of_a_call = {"config", "stop_after"}  # and --once
    options = {each.name for each in dataclasses.fields(Options)} - only_of_a_call
    assert set(ConfigTable.__struct_fields__) == options | {"revisit", "raw", "raw_keep", "sink"}


def test_everything_is_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, WHOLE), ENVIRONMENT)
    assert config.feeds == ("feeds.opml", "https://reader:quiet@outlet.example/feed")
    assert config.options == {
        "data": "/var/lib/wirebeam",
        "contact": "you@example.org",
        "allow_net": ["10.0.0.0/8"],
        "initial": "newest:20",
        "concurrency": 8,
        "host_delay": 2.0,
        "min_interval": "2m",
        "max_interval": "12h",
        "interval": "10m",
        "revisit": "1h,1d",
        "raw": "/data/raw",
        "raw_keep": "90d",
        "flush": "1m",
        "outbox_limit": 5000,
        "metrics": "127.0.0.1:9464",
        "log": LogForm.JSON,
    }
    own, database = config.sinks
    assert (own.uri, own.terms.flush_s) == ("iceberg:/data/warehouse", None)
    assert (database.uri, database.terms.flush_s) == ("postgresql://wirebeam:hush@db.example/news", 0.0)
    rules = database.terms.rules
    assert rules.tables == frozenset({"articles", "revisions", "links"})
    assert rules.languages == frozenset({"en", "pt-br"})
    assert rules.leave_out == {"articles": {"entities", "raw_ref"}}
    assert (rules.bodies, rules.bodies_if_reserved) == (BodyPolicy.EXCERPT, BodyPolicy.NONE)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\ncontact = you\n", 2, "no TOML"),
        ("\nfeed = ['a']", 2, "unknown key 'feed': one of feeds, data"),
        ("[log]\nlevel = 1", 1, "log: Expected `str | null`, got `object`"),
        ("contact = 'a'\nconcurrency = 0", 2, "concurrency: Expected `int` >= 1"),
        ("concurrency = 'many'", 1, "concurrency: Expected `int | null`, got `str`"),
        ("log = 'loud'", 1, "log: Invalid enum value 'loud'"),
        ("initial = 'some'", 1, "initial: 'some' is not all, none or newest:N"),
        ("flush = 'soon'", 1, "flush: 'soon' is no duration"),
        ("revisit = '24h,3h'", 1, "revisit: '24h,3h': each age"),
        ("feeds = ['https://u:${NOWHERE}@a.example/']", 1, "feeds: environment variable NOWHERE is not set"),
        ("flush = '1s'\n[[sink]]\nflush = '1s'", 2, "sink: Object missing required field `uri`"),
        ("flush='1s'\n[[sink]]\nuri='a:b'\n[[sink]]\nuri='jsonl:c'\nflush='x'", 6, "flush: 'x' is no duration"),
        ("[[sink]]\nuri='a:b'\n[[sink]]\nuri='jsonl:c'\nflsh='x'", 5, "unknown key 'flsh': one of uri, flush, tables"),
        ("[[sink]]\nuri='a:b'\n[[sink]]\nuri='jsonl:c'\nflush=3", 5, "flush: Expected `str | null`, got `int`"),
        ("[[sink]]\nuri='a:b'\ntables=[]", 3, "tables: Expected `array` of length >= 1"),
        ("[[sink]]\nuri='a:b'\ntables=['storys']", 3, "tables: no table 'storys'"),
        ("[[sink]]\nuri='a:b'\nlanguages=['english']", 3, "languages: no language 'english'"),
        ("[[sink]]\nuri='a:b'\nbodies='some'", 3, "bodies: Invalid enum value 'some'"),
        ("[[sink]]\nuri='a:b'\n[sink.leave_out]\narticles=['url_']", 3, "leave_out: table articles has no column"),
        ("[[sink]]\nuri='a:b'\nleave_out.links=['copy_id']", 3, "leave_out: column 'copy_id'"),
        ("[[sink]]\nuri='postgresql://u:${NOWHERE}@h/d'", 2, "uri: environment variable NOWHERE is not set"),
    ],
)
def test_what_makes_no_sense_is_named_with_file_line_and_key(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path, ENVIRONMENT)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)


def test_secrets_are_in_no_error(tmp_path: Path) -> None:
    text = "flush = '${PG_PASSWORD}'\n[[sink]]\nuri = '${PG_PASSWORD}'\n"
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, text), ENVIRONMENT)
    assert "hush" not in str(caught.value)


def test_the_working_directory_s_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None) == Config()
    written(tmp_path, "contact = 'you@example.org'")
    assert find_config(None).options == {"contact": "you@example.org"}
    other = tmp_path / "other.toml"
    with pytest.raises(ConfigError, match=r"other\.toml: cannot be read: No such file"):
        find_config(other)
    other.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        find_config(other)
