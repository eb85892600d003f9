"""Addresses in articles: made absolute, rid of what follows readers around, sent another way."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import quote

from feedsvc import signing, weburl
from feedsvc.content.allowed import DATA_IMAGE
from feedsvc.content.anchors import Anchors
from feedsvc.content.policy import Policy

# A picture inside the text: raster only (SVG can hold script), and small.
_DATA_IMAGE = re.compile(DATA_IMAGE)
_DATA_LONGEST = 64 * 1024
_MAIL = re.compile(r"mailto:[^\s<>\"`\\]{1,2000}", re.IGNORECASE)
# Characters that a shape of `allowed` refuses and that `weburl` lets stand.
_UNSAFE = str.maketrans({"'": "%27", "`": "%60", "\\": "%5C", '"': "%22", "<": "%3C", ">": "%3E"})

_PLAIN_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")

# Parameters that say where a reader came from, and nothing to the page.
_TRACKING = re.compile(
    r"(?:utm_\w+|mtm_\w+|matomo_\w+|pk_(?:campaign|kwd|source|medium|keyword|content|cid)|fbclid"
    r"|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igshid|igsh|li_fat_id"
    r"|mc_cid|mc_eid|_openstat|spm|scm|_hsenc|_hsmi|__hssc|__hstc|__hsfp|hsctatracking|mkt_tok"
    r"|oly_anon_id|oly_enc_id|vero_id|vero_conv|wickedid|rb_clickid|s_cid|ml_subscriber"
    r"|ml_subscriber_hash|share_source|share_medium|share_plat|share_tag|share_session_id"
    r"|vd_source|spm_id_from|from_spmid)",
    re.IGNORECASE,
)

_PLACEHOLDER = re.compile(r"\{url(?:_encoded)?\}")
_DESCRIPTOR = re.compile(r"\d{1,6}(?:\.\d{1,4})?[wx]")
_MOST_CANDIDATES = 50


def resolve(address: str, base: str) -> str | None:
    """Return `address` as an absolute web address, or None where it is none.

    >>> resolve("img/a.png", "https://example.org/posts/")
    'https://example.org/posts/img/a.png'
    """
    address = address.strip()
    if not address or len(address) > weburl.LONGEST:
        return None
    if _PLAIN_PATH.fullmatch(address):
        # What `urljoin` would make of it, for the most frequent kind of relative address.
        folder = _folder(base)
        absolute = folder and f"{folder}{address}"
        return absolute if absolute and len(absolute) <= weburl.LONGEST else None
    absolute = weburl.resolve(base, address)
    absolute = absolute and absolute.translate(_UNSAFE)
    return absolute if absolute and len(absolute) <= weburl.LONGEST else None


@lru_cache(maxsize=256)
def _folder(base: str) -> str | None:
    """Return what stands before a path that is relative to `base`."""
    folder = weburl.resolve(base, ".")
    return folder and folder.translate(_UNSAFE)


def link(address: str, policy: Policy, anchors: Anchors) -> str | None:
    """Return where a link may lead: the web, a mail address, or an anchor on our page."""
    address = address.strip()
    if _MAIL.fullmatch(address):
        return f"mailto:{address[7:]}"
    absolute = anchors.link(address) or resolve(address, policy.link_base)
    if absolute is not None and policy.cleaning.trackers == "remove":
        absolute = without_tracking(absolute)
    return absolute


def without_tracking(address: str) -> str:
    """Return a web address without the parameters that follow readers around.

    >>> without_tracking("https://example.org/?a=1&utm_source=feed&b=2#c")
    'https://example.org/?a=1&b=2#c'
    """
    start = address.find("?")
    if start < 0:
        return address
    query, hash, fragment = address[start + 1 :].partition("#")
    parts = query.split("&")
    kept = [
        part
        for part in parts
        if not _TRACKING.fullmatch(part.removeprefix("amp;").partition("=")[0])
    ]
    if len(kept) < len(parts):
        query = "&".join(kept)
        address = address[:start] + (f"?{query}" if query else "") + hash + fragment
    return address


def image(address: str, policy: Policy) -> str | None:
    """Return where an image may be had from: the web by its route, or the text itself."""
    address = address.strip()
    if address[:5].lower() == "data:":
        head, comma, data = "".join(address.split()).partition(",")
        address = f"{head.lower()}{comma}{data}"
        return address if len(address) <= _DATA_LONGEST and _DATA_IMAGE.fullmatch(address) else None
    absolute = resolve(address, policy.media_base)
    return absolute and routed(absolute, policy)


def routed(address: str, policy: Policy) -> str:
    """Return the address from which readers are to get the image that is at `address`."""
    if not policy.cleaning.images or address.startswith(f"{policy.base_url}/"):
        return address
    parts = weburl.split(address)
    host = (parts.hostname if parts else None) or ""
    for route in policy.cleaning.images:
        if any(fnmatchcase(host, pattern.lower()) for pattern in route.hosts):
            return _by(route.via, address, policy)
    return address


def _by(via: str, address: str, policy: Policy) -> str:
    if via == "direct":
        return address
    if via == "proxy":
        if policy.image_key is None:
            return address
        proxied = signing.proxied(policy.base_url, policy.image_key, address)
        return proxied if len(proxied) <= weburl.LONGEST else address
    if address.startswith(_PLACEHOLDER.split(via)[0]):
        return address  # it goes that way already
    made = via.replace("{url_encoded}", quote(address, safe="")).replace("{url}", address)
    return resolve(made, "") or address


def candidates(srcset: str, policy: Policy) -> list[tuple[str, str]]:
    """Return the candidates of a `srcset` that may stay: addresses with their descriptors.

    >>> candidates("a.png, b.png 2x,javascript:c 3x", Policy(link_base="", media_base="https://x/"))
    [('https://x/a.png', ''), ('https://x/b.png', '2x')]
    """
    kept: list[tuple[str, str]] = []
    for named, descriptors in _candidates(srcset):
        fit = [one for one in descriptors if _DESCRIPTOR.fullmatch(one)]
        address = image(named, policy) if fit or not descriptors else None
        if address and not address.startswith("data:"):
            # A comma inside an address reads as the next candidate to many a client.
            kept.append((address.replace(",", "%2C"), fit[0] if fit else ""))
            if len(kept) == _MOST_CANDIDATES:
                break
    return kept


def _candidates(srcset: str) -> Iterator[tuple[str, list[str]]]:
    """Yield addresses and their descriptors (HTML, 4.8.4.2.2)."""
    address = ""
    descriptors: list[str] = []
    for word in srcset.split():
        rest = word
        if address:
            # Here a comma ends the candidate; what stands right after it begins the next one.
            descriptor, comma, rest = word.partition(",")
            descriptors += [descriptor] if descriptor else []
            if not comma:
                continue
            yield address, descriptors
            address, descriptors = "", []
        address = rest.strip(",")
        if address and rest.endswith(","):
            yield address, []
            address = ""
    if address:
        yield address, descriptors


def srcset(candidates: list[tuple[str, str]]) -> str:
    """Return the value of a `srcset` attribute."""
    return ", ".join(f"{address} {descriptor}".strip() for address, descriptor in candidates)
