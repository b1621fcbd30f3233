"""URLs of outbound calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.outbound_url import Url
from flowker.model.outbound import CallFailed, CallFailedForNow


@pytest.mark.parametrize(
    ("text", "origin", "authority", "target"),
    [
        ("http://a.example", ("http", "a.example", 80), "a.example", "/"),
        ("HTTPS://A.Example:443/x?y=1#z", ("https", "a.example", 443), "a.example", "/x?y=1"),
        ("https://a.example:8443?q", ("https", "a.example", 8443), "a.example:8443", "/?q"),
        (" http://a.example/ \n", ("http", "a.example", 80), "a.example", "/"),
        ("http://[::1]:81/x", ("http", "::1", 81), "[::1]:81", "/x"),
        ("http://127.0.0.1:81", ("http", "127.0.0.1", 81), "127.0.0.1:81", "/"),
        ("http://my_service:81", ("http", "my_service", 81), "my_service:81", "/"),
        (
            "https://bücher.example/ü b?c=d e",
            ("https", "xn--bcher-kva.example", 443),
            None,
            "/%C3%BC%20b?c=d%20e",
        ),
        ("https://a.example/a%20b%2Fc?d=%26", ("https", "a.example", 443), None, "/a%20b%2Fc?d=%26"),
    ],
)
def test_urls_are_read(text: str, origin: tuple[str, str, int], authority: str | None, target: str) -> None:
    url = Url.parse(text)
    assert url.origin == origin
    assert url.authority == (authority or origin[1])
    assert url.target == target


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_url_is_required(text: str) -> None:
    with pytest.raises(CallFailed, match=r"^url is required$"):
        Url.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://sesame.example/",
        "file:///etc/sesame",
        "gopher://sesame.example/",
        "/sesame",
        "sesame.example/x",
        "http://",
        "http:///sesame",
        "http://:80/sesame",
        "http://a.example:sesame/",
        "http://a.example:99999/sesame",
        "http://[::1/sesame",
        "http://[sesame]/",
        "http://[fe80::1%25eth0]/sesame",
        "http://a b.example/sesame",
        "http://a.example\\.sesame/",
        "http://sesame:open@a.example/",
        "http://sesame@a.example/",
        "http://good.example\\@a.example/sesame",
        "http://a.example/\ud800sesame",
        "http://" + "ü" * 80 + ".example/sesame",
    ],
)
def test_other_urls_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(CallFailed, match=r"^unsupported url: ") as failure:
        Url.parse(text)
    assert "sesame" not in str(failure.value)
    assert not isinstance(failure.value, CallFailedForNow)


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("http://a/x", {}, "http://a/x"),
        ("http://a/x", {"b": "1"}, "http://a/x?b=1"),
        ("http://a/x?b=0&c=%2F&b=3", {"b": "1"}, "http://a/x?c=%2F&b=1"),
        ("http://a/x?%62=0", {"b": "1"}, "http://a/x?b=1"),
        ("http://a/x?c", {"é&": "ü =?"}, "http://a/x?c&%C3%A9%26=%C3%BC+%3D%3F"),
    ],
)
def test_parameters_replace_those_of_the_same_name(
    text: str, parameters: dict[str, str], expected: str
) -> None:
    assert str(Url.parse(text).with_query(parameters)) == expected


def test_parameters_are_removed_by_name_and_value() -> None:
    url = Url.parse("http://a/x?key=s+1&key=other&page=1&key=s%201")
    assert str(url.without({("key", "s 1")})) == "http://a/x?key=other&page=1"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/y", "https://a.example:81/y"),
        ("y?z=1", "https://a.example:81/p/y?z=1"),
        ("//b.example/y", "https://b.example/y"),
        ("HTTP://b.example", "http://b.example"),
        ("../y", "https://a.example:81/y"),
    ],
)
def test_redirects_are_relative_to_the_url(location: str, expected: str) -> None:
    assert str(Url.parse("https://a.example:81/p/x?q=1").join(location)) == expected


@pytest.mark.parametrize(
    "location", ["ftp://b.example/", "http://[::1", "//u:p@b.example/", "javascript:alert(1)"]
)
def test_redirects_to_other_schemes_are_refused(location: str) -> None:
    with pytest.raises(CallFailed, match=r"^unsupported url: "):
        Url.parse("https://a.example/x").join(location)


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
@settings(max_examples=100, deadline=None)
def test_what_is_reported_reads_back_as_the_same_url(tail: str, parameters: dict[str, str]) -> None:
    try:
        url = Url.parse(f"https://a.example/{tail}").with_query(parameters)
    except CallFailed:
        return
    assert Url.parse(str(url)) == url
    assert url.target.isascii()
    assert not set(url.target) & set(' \t\r\n"<>')
