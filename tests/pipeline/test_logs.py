"""Logs: two forms, one place, and no secret in any line."""

import json
import logging
import string
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pipeline.logs import HIDDEN, TEXT_LIMIT, LogForm, configure, hide_secrets, is_secret, without_secrets

SECRET = "hunter2-is-it"
SECRET_NAMES = (
    "key",
    "api_key",
    "apiKey",
    "api%5Fkey",
    "access_token",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "sig",
    "PASSWORD",
    "pass",
    "client_secret",
    "user[password]",
    "keys",
)
HARMLESS_NAMES = ("keyword", "author", "design", "signal", "q", "entry_key", "page", "utm_source", "id")

words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
hosts = st.from_regex(r"[a-z]{1,10}\.example(:[0-9]{2,4})?", fullmatch=True)
paths = st.text(string.ascii_letters + string.digits + "/-._~@:", max_size=20).map("/{}".format)
# What may stand unencoded in user name and password (RFC 3986, 3.2.1).
userinfo = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=%:", min_size=1, max_size=40)
around = st.text(max_size=30)


@given(around, userinfo, hosts, paths, around)
def test_no_user_name_or_password_of_a_url_is_left(before: str, user: str, host: str, path: str, after: str) -> None:
    text = f"{before} https://{SECRET}{user}@{host}{path} {after}"
    assert SECRET not in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://user:{SECRET}@db.example:5432/news",
        f"//user:{SECRET}@host.example",
        f"https://user:pass/{SECRET}@host.example/feed",
        f"https://user:{SECRET}?x@host.example/feed",
        f"https://bridge.example/?feed=https%3A%2F%2Fuser%3A{SECRET}%40host.example%2F",
        f"https://bridge.example/?feed=https%253A%252F%252Fuser%253A{SECRET}%2540host.example",
        f"https://bridge.example/?feed=https%3A%2F%2Fhost.example%2F%3Ftoken%3D{SECRET}",
    ],
)
def test_credentials_in_odd_places_of_a_url_are_hidden(text: str) -> None:
    assert SECRET not in without_secrets(text)


@given(around, st.sampled_from(SECRET_NAMES), st.sampled_from("?&;#"), around)
def test_no_value_of_a_secret_parameter_is_left(before: str, name: str, separator: str, after: str) -> None:
    text = f"{before} https://host.example/feed{separator}{name}={SECRET}&page=2 {after}"
    assert SECRET not in without_secrets(text)
    assert f"{name}={HIDDEN}" in without_secrets(f"https://host.example/feed{separator}{name}={SECRET}&page=2")


@given(words, st.sampled_from(SECRET_NAMES), st.sampled_from("._-"))
def test_a_name_with_a_secret_word_among_others_is_secret(word: str, name: str, separator: str) -> None:
    assert is_secret(f"{word}{separator}{name}")
    assert is_secret(f"{name}{separator}{word}")


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_other_names_keep_their_values(name: str) -> None:
    assert not is_secret(name)
    assert without_secrets(f"https://host.example:8080/@user/feed?{name}=climate") == (
        f"https://host.example:8080/@user/feed?{name}=climate"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {SECRET}",
        f'Authorization: Digest username="a", response="{SECRET}"\nHost: a.example',
        f"{{'Authorization': 'Bearer {SECRET}', 'n': 1}}",
        f"[(b'Authorization', b'Basic {SECRET}')]",
        f"Proxy-authorization: {SECRET}",
        f"Set-Cookie: session={SECRET}; path=/",
        f"X-Api-Key: {SECRET}",
        f"sent Bearer {SECRET}{SECRET}",
        f'{{"password": "quote \\" {SECRET}"}}',
        f"host=db.example password='two words {SECRET}' user=u",
        f"connect(url='https://host.example', token='{SECRET}')",
        f"GET url=https://host.example/?token={SECRET}",
    ],
)
def test_headers_and_settings_in_words_are_hidden(text: str) -> None:
    assert SECRET not in without_secrets(text)


@pytest.mark.parametrize("text", ["KeyError: 'etag'", "a//b", "reporter@outlet.example", "iceberg:/data", "token", ""])
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


pieces = st.sampled_from(["https://", "//", "@", ":", "?", "&", "=", " ", "token", "'", '"', "\\", "%40", "%3D", "***"])


@given(st.lists(pieces | words, max_size=30).map("".join))
@example("'token': 'a', 'b")
def test_hiding_twice_hides_no_more(text: str) -> None:
    once = without_secrets(text)
    assert without_secrets(once) == once


@given(st.text(string.ascii_letters + " .,!?-\n", max_size=200))
def test_plain_prose_is_left_alone(text: str) -> None:
    assume(not any(word in text.lower() for word in ("bearer", "basic", "//")))
    assert without_secrets(text) == text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_an_event_of_any_shape_becomes_plain_data(value: object) -> None:
    json.dumps(hide_secrets(None, "info", {"event": "happened", "value": value}), allow_nan=False)


def test_values_are_hidden_by_their_names_however_deep() -> None:
    event = {
        "event": "asked",
        "headers": {"Authorization": f"Basic {SECRET}", "Accept": "*/*"},
        "tries": [{"api_key": SECRET}, f"https://u:{SECRET}@host.example"],
        "token": 17,
        "error": ValueError(f"https://host.example/?sig={SECRET}"),
    }
    cleaned = hide_secrets(None, "info", event)
    assert SECRET not in str(cleaned)
    assert cleaned["headers"] == {"Authorization": HIDDEN, "Accept": "*/*"}
    assert cleaned["token"] == HIDDEN


def test_long_values_are_cut() -> None:
    cleaned = hide_secrets(None, "info", {"event": "x" * (2 * TEXT_LIMIT)})
    assert len(cleaned["event"]) < TEXT_LIMIT + 5


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def untouched() -> Iterator[None]:
    """Leaves logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # so that pytest's own are not closed
    logging.captureWarnings(capture=False)  # a command that an earlier test called has turned it on
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    for name in ("pipeline", "transforms", "schemas"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def fail() -> None:
    raise ConnectionError(f"https://user:{SECRET}@host.example/ hung up")


@pytest.mark.parametrize("form", list(LogForm))
@pytest.mark.usefixtures("untouched")
def test_our_events_and_those_of_libraries_go_the_same_way(form: LogForm, capsys: pytest.CaptureFixture[str]) -> None:
    configure(form)
    structlog.get_logger("pipeline.deliver").info("sink_ready", sink="iceberg:/data")
    structlog.get_logger("pipeline.deliver").debug("too small")
    logging.getLogger("aiohttp.client").info("too chatty")
    logging.getLogger("aiohttp.client").warning("refused %s", f"https://user:{SECRET}@host.example/")
    logging.getLogger().warning("apitools not found, and so on")
    logging.getLogger("apache_beam.io.filesystems").warning("Failed to import %s; and so on", "ACloudFileSystem")
    warnings.warn("an old call", stacklevel=1)
    try:
        fail()
    except ConnectionError as error:
        structlog.get_logger("pipeline.deliver").exception("sink_failed", error=error)
        logging.getLogger("library").exception("died")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert SECRET not in printed.err
    assert [word in printed.err for word in ("too small", "too chatty", "apitools", "ACloud")] == [False] * 4
    for word in ("sink_ready", "refused https://***@host.example/", "an old call", "ConnectionError", "died"):
        assert word in printed.err


@pytest.mark.usefixtures("untouched")
def test_json_is_an_object_a_line_with_level_logger_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogForm.JSON)
    structlog.get_logger("pipeline.deliver").warning("sink_failed", sink="iceberg:/data", rows=3, odd="\ud800\n")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "sink_failed",
        "level": "warning",
        "logger": "pipeline.deliver",
        "sink": "iceberg:/data",
        "rows": 3,
        "odd": "\ud800\n",
    }


@pytest.mark.usefixtures("untouched")
def test_nobody_can_forge_a_line_or_colour_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogForm.CONSOLE)
    structlog.get_logger("pipeline.x").info("seen\nforged", title="\x1b[31mred\u202e", urls=["\x1b]0;"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert "seen\\nforged" in line


@pytest.mark.usefixtures("untouched")
def test_the_last_configuration_counts(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogForm.CONSOLE)
    configure(LogForm.JSON)
    logging.getLogger("library").error("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "once"
