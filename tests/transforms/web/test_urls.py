import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.web.urls import parse_url, redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a?b=c@d", "https://example.org/a?b=c@d"),
        ("https://me:secret@example.org/a", "https://example.org/a"),
        ("https://me@example.org", "https://example.org"),
        ("https://me:sec@ret@example.org:8080/@", "https://example.org:8080/@"),
        ("https://me:secret@example.org?x", "https://example.org?x"),
        ("ftp://me:secret@h:bad/", "ftp://h:bad/"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_credentials_are_taken_out(url: str, shown: str) -> None:
    assert redact(url) == shown


@given(st.text())
def test_taking_out_twice_is_taking_out_once(url: str) -> None:
    assert redact(redact(url)) == redact(url)


@given(st.from_regex(r"[a-z0-9@:%]{0,12}", fullmatch=True), st.sampled_from(["", "/", "/a@b", "?q=@", "#@"]))
def test_no_password_is_left(noise: str, tail: str) -> None:
    assert "S3CRET" not in redact(f"https://{noise}:S3CRET@example.org{tail}")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" http://Example.ORG/a b#c ", "http://example.org/a%20b"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://0177.0.0.01:8080/", "http://127.0.0.1:8080/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://dead.beef/", "http://dead.beef/"),
        ("http://me:x@127.1/", "http://me:x@127.0.0.1/"),
        ("http://[::1]:80/a", "http://[::1]/a"),
        ("http://example.org/a%2Fb?c=%26", "http://example.org/a%2Fb?c=%26"),
    ],
)
def test_an_address_is_made_ready(text: str, url: str) -> None:
    assert str(parse_url(text)) == url


@pytest.mark.parametrize(
    "text",
    ["", "example.org", "//example.org/", "ftp://example.org/", "javascript:alert(1)", "http:///a", "http://h:0/",
     "http://h:70000/", "http://[::1/", "http://" + "x" * 4000],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_url(text)


@given(st.text())
def test_nothing_but_a_value_error_comes_of_any_text(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.org/{text}"):
        try:
            parsed = parse_url(url)
        except ValueError as error:
            assert "http://" not in str(error)  # noqa: PT017  # either outcome is right
        else:
            assert parsed.scheme == "http"
            assert parsed.host
