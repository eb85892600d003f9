"""Licences by their SPDX names or their addresses; the one place that knows `packaging.licenses`.

Pure.
"""

import re
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from feedsvc import weburl
from feedsvc.model import License

_LONGEST = 100  # characters of an SPDX name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")  # one licence, not `MIT OR Apache-2.0`
_COMMONS = "https://creativecommons.org"
# Readers and search engines know these addresses better than those of the SPDX list.
_COMMONS_NAME = re.compile(r"CC-(BY(?:-NC)?(?:-ND|-SA)?)-([0-9.]+)")
_COMMONS_ADDRESS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses/(?P<kind>[a-z-]+)|publicdomain/zero)"
    r"/(?P<version>[0-9.]+)(?:/.*)?"
)
_BEFORE_HOST = re.compile(r"^https?://(?:www\.)?")


@lru_cache(maxsize=1024)
def named(text: str) -> License | None:
    """Return the licence with an SPDX name or an address; None where it is neither.

    Spaces in a name count as hyphens.

    >>> named("cc by-sa 4.0")
    License(name='CC BY-SA 4.0', url='https://creativecommons.org/licenses/by-sa/4.0/')
    >>> named("mit")
    License(name='MIT', url='https://spdx.org/licenses/MIT.html')
    >>> named("https://creativecommons.org/licenses/by/4.0/deed.de").name
    'CC BY 4.0'
    >>> named("https://example.org/terms").name, named("All rights reserved")
    ('example.org/terms', None)
    """
    text = text.strip()
    if address := weburl.absolute(text):
        return License(name=_name_of(address), url=address)
    name = "-".join(text[: _LONGEST + 1].split())
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return None
    try:
        spdx = canonicalize_license_expression(name)
    except InvalidLicenseExpression:
        return None
    if spdx.startswith("LicenseRef-"):
        return None  # a name of one's own, without an address
    return License(name=_for_people(spdx), url=_address_of(spdx))


def _address_of(spdx: str) -> str:
    if spdx == "CC0-1.0":
        return f"{_COMMONS}/publicdomain/zero/1.0/"
    if commons := _COMMONS_NAME.fullmatch(spdx):
        return f"{_COMMONS}/licenses/{commons[1].lower()}/{commons[2]}/"
    return f"https://spdx.org/licenses/{spdx}.html"


def _for_people(spdx: str) -> str:
    """Return the name that Creative Commons itself writes, or the SPDX name."""
    if commons := _COMMONS_NAME.fullmatch(spdx):
        return f"CC {commons[1]} {commons[2]}"
    return "CC0 1.0" if spdx == "CC0-1.0" else spdx


def _name_of(address: str) -> str:
    if commons := _COMMONS_ADDRESS.fullmatch(address):
        kind = commons["kind"]
        return f"CC {kind.upper()} {commons['version']}" if kind else f"CC0 {commons['version']}"
    return _BEFORE_HOST.sub("", address).rstrip("/")[:_LONGEST]
