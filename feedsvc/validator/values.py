"""The warnings about one value: HTML, plain text, an address, a date."""

import re
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html.entities import name2codepoint
from typing import NamedTuple

import html5lib
from html5lib.html5parser import ParseError

from feedsvc import weburl

# Of the elements that the service accepts, those that an article may need.
ELEMENTS = frozenset(
    """a abbr acronym address article aside audio b bdi big blockquote br caption center cite code
    col colgroup data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6
    header hgroup hr i img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp section
    small source span strike strong sub summary sup table tbody td tfoot th thead time tr track tt
    u ul var video wbr""".split()
)
# Elements of HTML that are a "SecurityRisk"; any other name is "NotHtml".
RISKY_ELEMENTS = frozenset(
    """applet base basefont bdo body comment embed frame frameset head html iframe isindex link
    listing meta noframes object param plaintext script slot style title xmp""".split()
)
ATTRIBUTES = frozenset(
    """abbr align allow allowfullscreen alt cite class colspan datetime decoding default dir headers
    height hidden href hreflang id kind label lang loading loop media muted name open poster preload
    referrerpolicy rel reversed rowspan scope sizes span src srclang srcset start summary target
    title type valign value width""".split()
)
PROPERTIES = frozenset(
    """color direction font-family font-size font-style font-variant font-weight height
    letter-spacing line-height list-style-type text-align text-decoration text-indent unicode-bidi
    vertical-align white-space width""".split()
)
REFERENCES = {"href", "src", "poster", "cite", "longdesc", "background", "data", "action"}
WEB = frozenset({"http", "https"})
SCHEMES = WEB | frozenset("cid data ftp geo info mailto news sip sips tag tel urn xmpp".split())

_SETTING = re.compile(r"[\w\s#%.,!-]+")  # of a property of a style
_CANDIDATES = re.compile(r",\s+")  # between those of a srcset
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
_CLOSING = re.compile(r"</(\w{1,40})>")
_REFERENCE = re.compile(r"&(#?\w{1,40})")
_AUTHORITY = re.compile(r"\w{1,40}://[^/]")
_CONTACT = re.compile(r"[\w.+'-]{1,64}@([\w-]{1,63}\.){1,20}[\w-]{1,63} \(.+\)")
_MARKUP = re.compile(r"&#[x0-9]|<[/a-zA-Z]")
_CONTROLS = re.compile(r"[\x80-\x9f]")
_DEFAULT_PORT = re.compile(r":(80|443)?$")
_NOT_CANONICAL = re.compile(r"%(?![0-9A-F]{2})|%(2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)")
URI = re.compile(
    r"[A-Za-z][0-9A-Za-z+.-]*:(//)?(\[[0-9A-Fa-f:]+\])?[0-9A-Za-z;/?:@&=+$.\-_!~*'()%,#]+"
)
URN = re.compile(r"(?i)urn:[a-z0-9][a-z0-9-]{1,31}:([a-z0-9()+,.:=@;$_!*'-]|%[0-9a-f]{2})+")
UUID = re.compile(r"(?i)urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TAG = re.compile(
    r"tag:([a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[0-9A-Za-z;/?:@&=+$.\-_!~*'()%,#]*"
)
RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)"
)
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" \d\d:\d\d:\d\d ([+-]\d\d[03]0|GMT|UT|Z)"
)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[0-9A-Za-z]{1,8})*")


LONGEST = 300_000
"""Characters of HTML; longer HTML is passed over."""


class Warned(NamedTuple):
    """A warning: its name, the element, and the value."""

    warning: str
    place: str
    value: str


Warnings = Iterator[Warned]


@lru_cache(maxsize=4096)  # one entry is in several feeds, each in three formats
def of_html(markup: str) -> tuple[tuple[str, str], ...]:
    """Return the warnings about HTML, each with the element, attribute or address."""
    if len(markup) > LONGEST:
        return ()
    try:
        tree = html5lib.HTMLParser(strict=True).parseFragment(markup)
    except ParseError as error:
        return (("NotHtml", str(error)),)
    warnings: list[tuple[str, str]] = []
    for element in tree.iter():
        if element.tag == "DOCUMENT_FRAGMENT" or callable(element.tag):
            continue
        tag = element.tag.partition("}")[2].lower()
        if tag in RISKY_ELEMENTS:
            warnings.append(("SecurityRisk", tag))
        elif tag not in ELEMENTS:
            warnings.append(("NotHtml", tag))
        else:
            for name, value in element.attrib.items():
                warnings += of_attribute(name.lower(), value)
    return tuple(warnings)


def of_attribute(name: str, value: str) -> Iterator[tuple[str, str]]:
    if name == "style":
        for declaration in filter(str.strip, value.split(";")):
            property_, _, setting = map(str.strip, declaration.partition(":"))
            if property_.lower() not in PROPERTIES or not _SETTING.fullmatch(setting):
                yield "DangerousStyleAttr", declaration.strip()
    elif name not in ATTRIBUTES and not name.startswith("data-"):
        yield "SecurityRiskAttr", name
    # The service looks at `<a href>` and `<img src>` only.
    if name in REFERENCES:
        addresses = [value]
    elif name == "srcset":
        addresses = [part.split()[0] for part in _CANDIDATES.split(value.strip()) if part.split()]
    else:
        addresses = []
    for address in addresses:
        if not _SCHEME.match(address):
            yield "ContainsRelRef", address
        elif (parts := weburl.split(address)) is None or parts.scheme.lower() not in SCHEMES:
            yield "SecurityRiskAttr", f"{name}={address[:40]}"


def html(place: str, markup: str | None) -> Warnings:
    for warning, value in of_html(markup or ""):
        yield Warned(warning, place, value)
    yield from characters(place, markup or "")


def text(place: str, value: str | None, warning: str = "ContainsHTML") -> Warnings:
    """Yield the warnings about plain text; HTML in it is `ContainsUndeclaredHTML` in Atom."""
    if not (value and value.strip()):
        yield Warned("NotBlank", place, "")
        return
    for tag in _CLOSING.findall(value):
        if tag.lower() in ELEMENTS | RISKY_ELEMENTS:
            yield Warned(warning, place, f"</{tag}>")
    for name in _REFERENCE.findall(value):
        if name in name2codepoint or name == "apos" or not name.isalpha():
            yield Warned(warning, place, f"&{name}")
    if _MARKUP.search(value):
        yield Warned("CharacterData", place, value)
    yield from characters(place, value)


def characters(place: str, value: str) -> Warnings:
    if match := _CONTROLS.search(value):
        yield Warned("BadCharacters", place, ascii(match[0]))


def address(place: str, value: str | None, *schemes: str) -> Warnings:
    """Yield the warnings about an absolute URI, which has one of these schemes if any are named."""
    value = value or ""
    scheme = value.partition(":")[0].lower()
    if scheme == "tag":
        good, warning = TAG.fullmatch(value), "InvalidTAG"
    elif scheme == "urn":
        pattern = UUID if value.lower().startswith("urn:uuid:") else URN
        good, warning = pattern.fullmatch(value), "InvalidURN"
    else:
        good, warning = URI.fullmatch(value), "InvalidFullLink"
    if not good or (scheme in WEB and not _AUTHORITY.match(value)):
        yield Warned(warning, place, value)
    elif scheme not in (schemes or SCHEMES):
        yield Warned("SchemeNotIANARegistered", place, value)


def web(place: str, value: str | None) -> Warnings:
    yield from address(place, value, *WEB)


def contact(place: str, value: str | None) -> Warnings:
    """Yield the warnings about a person in RSS: an address of e-mail with a name."""
    if not _CONTACT.fullmatch(value or ""):
        yield Warned("InvalidContact", place, str(value))


def canonical(place: str, value: str | None) -> Warnings:
    """Yield the warnings about an id, which has a canonical form (RFC 4287 4.2.6.1)."""
    yield from address(place, value)
    parts = weburl.split(value or "")
    if parts is not None and parts.scheme in WEB:
        host = parts.netloc
        segments = parts.path.split("/")
        if (
            not (value or "").startswith(parts.scheme)
            or host != host.lower()
            or _DEFAULT_PORT.search(host)
            or not parts.path
            or {".", ".."} & set(segments)
            or _NOT_CANONICAL.search(value or "")
        ):
            yield Warned("NonCanonicalURI", place, value or "")


def rfc3339(place: str, value: str | None) -> Warnings:
    match = RFC3339.fullmatch(value or "")
    if not match or not is_day(*map(int, match.group(1, 2, 3))):
        yield Warned("InvalidRFC3339Date", place, str(value))


def is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def rfc822(place: str, value: str | None) -> Warnings:
    if not RFC822.fullmatch(value or ""):
        yield Warned("InvalidRFC2822Date", place, str(value))
    elif f"{parsedate_to_datetime(value or ''):%a}" != (value or "")[:3]:
        yield Warned("IncorrectDOW", place, str(value))


def language(place: str, value: str | None) -> Warnings:
    if not LANGUAGE.fullmatch(value or ""):
        yield Warned("InvalidLanguage", place, str(value))
