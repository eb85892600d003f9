"""Signed addresses come back unchanged, and nobody without the key can make one."""

from urllib.parse import quote, unquote, urlsplit

import pytest
from flask import Flask
from hypothesis import given, strategies as st

from feedsvc.signing import address_of, proxied

BASE = "https://feeds.example.org"
KEY = b"0123456789abcdef"
ADDRESSES = [
    "https://img.example.com/a.png",
    "http://img.example.com:8080/a//b/../c.jpg?x=1&y=%2F%3f#part",
    "https://img.example.com/%E5%9B%BE%20%25?a=b?c=d;e+f~g",
    "https://[2001:db8::1]/",
    "https://img.example.com/" + "x" * 4000,
]


def parts(made: str) -> tuple[str, str]:
    signature, encoded = made.removeprefix(f"{BASE}/image/").split("/")
    return signature, encoded


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_comes_back_as_it_was(address: str) -> None:
    assert address_of(KEY, *parts(proxied(BASE, KEY, address))) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_signed_path_survives_quoting_and_merging_of_slashes(address: str) -> None:
    path = urlsplit(proxied(BASE, KEY, address)).path
    assert unquote(path) == path == quote(path)
    assert "//" not in path
    assert "." not in path


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("merge", [True, False])
def test_a_route_gets_the_signed_address_in_one_piece(address: str, merge: bool) -> None:
    app = Flask(__name__)
    app.url_map.merge_slashes = merge

    @app.get("/image/<signature>/<encoded>")
    def image(signature: str, encoded: str) -> str:
        return address_of(KEY, signature, encoded) or "none"

    path = proxied(BASE, KEY, address).removeprefix(BASE)
    assert app.test_client().get(path).text == address


def test_a_proxied_address_is_not_proxied_again() -> None:
    once = proxied(BASE, KEY, ADDRESSES[0])
    assert proxied(BASE, KEY, once) == once


def test_a_forged_address_is_signed_like_any_other() -> None:
    for forged in (
        f"{BASE}/image/",
        f"{BASE}/image/AAAAAAAAAAAAAAAAAAAAAA/aHR0cDovL2E",
        proxied(BASE, b"another key", ADDRESSES[0]),
        proxied("https://elsewhere.example.org", KEY, ADDRESSES[0]),
        proxied(BASE, KEY, ADDRESSES[0]) + "?x",
        proxied(BASE, KEY, ADDRESSES[0]) + "/x",
    ):
        made = proxied(BASE, KEY, forged)
        assert made != forged
        assert address_of(KEY, *parts(made)) == forged


def test_equal_input_gives_equal_addresses() -> None:
    assert len({proxied(BASE, KEY, ADDRESSES[0]) for _ in range(3)}) == 1


@given(st.data())
def test_a_path_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    signature, encoded = parts(proxied(BASE, KEY, ADDRESSES[0]))
    path = f"{signature}/{encoded}"
    at = data.draw(st.integers(0, len(path) - 1))
    char = data.draw(st.characters(codec="utf-8").filter(lambda c: c not in (path[at], "/")))
    if path[at] != "/":
        altered = path[:at] + char + path[at + 1 :]
        assert address_of(KEY, *altered.split("/")) is None


@pytest.mark.parametrize(
    "signature", ["", "A", "é", "\ud800", "=" * 22, "A" * 5000, "\0", "Ａ" * 22]
)
def test_a_malformed_signature_is_refused(signature: str) -> None:
    assert address_of(KEY, signature, "aHR0cDovL2E") is None
    assert address_of(KEY, signature, signature) is None


def test_padding_and_lengthening_are_refused() -> None:
    signature, encoded = parts(proxied(BASE, KEY, ADDRESSES[0]))
    for altered in (f"{encoded}=", f"{encoded}==", f"{encoded}A", encoded[:-1], f" {encoded}"):
        assert address_of(KEY, signature, altered) is None
    assert address_of(KEY, f"{signature}A", encoded) is None
    assert address_of(KEY, signature[:-1], encoded) is None
    assert address_of(b"another key", signature, encoded) is None
