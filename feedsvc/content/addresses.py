"""Addresses in articles: made absolute, without tracking parameters, by way of a proxy."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from urllib.parse import quote

from feedsvc import signing, weburl
from feedsvc.content.allowed import DATA_IMAGE
from feedsvc.content.anchors import Anchors
from feedsvc.content.policy import Policy

# An image inside the text: raster only (SVG can hold script), and small.
_DATA_IMAGE = re.compile(DATA_IMAGE)
_DATA_LONGEST = 64 * 1024
_MAIL = re.compile(r"mailto:[^\s<>\"`\\]{1,2000}", re.IGNORECASE)
# Characters that `weburl` keeps and the patterns of `allowed` refuse.
_UNSAFE = str.maketrans({"'": "%27", "`": "%60", "\\": "%5C", '"': "%22", "<": "%3C", ">": "%3E"})

# Parameters that tell where a reader came from; the page does not need them.
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
    absolute = weburl.resolve(base, address)
    absolute = absolute and absolute.translate(_UNSAFE)
    return absolute if absolute and len(absolute) <= weburl.LONGEST else None


def link(address: str, policy: Policy, anchors: Anchors) -> str | None:
    """Return the address of a link to the web, to mail or to an anchor on our page, else None."""
    address = address.strip()
    if _MAIL.fullmatch(address):
        return f"mailto:{address[7:]}"
    absolute = anchors.link(address) or resolve(address, policy.link_base)
    if absolute is not None and policy.cleaning.trackers == "remove":
        absolute = without_tracking(absolute)
    return absolute


def without_tracking(address: str) -> str:
    """Return a web address without tracking parameters.

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
    """Return the web or `data:` address from which readers get an image, None if it is neither."""
    address = address.strip()
    if address[:5].lower() == "data:":
        head, comma, data = "".join(address.split()).partition(",")
        address = f"{head.lower()}{comma}{data}"
        return address if len(address) <= _DATA_LONGEST and _DATA_IMAGE.fullmatch(address) else None
    absolute = resolve(address, policy.media_base)
    return absolute and routed(absolute, policy)


def routed(address: str, policy: Policy) -> str:
    """Return the address from which readers get the image at `address`: its own, or a proxy's."""
    if not policy.cleaning.images or address.startswith(f"{policy.base_url}/"):
        return address
    parts = weburl.split(address)
    host = (parts.hostname if parts else None) or ""
    for route in policy.cleaning.images:
        if any(fnmatchcase(host, pattern.lower()) for pattern in route.hosts):
            return _through(route.via, address, policy)
    return address


def _through(via: str, address: str, policy: Policy) -> str:
    if via == "proxy" and policy.image_key is not None:
        proxied = signing.proxied(policy.base_url, policy.image_key, address)
        return proxied if len(proxied) <= weburl.LONGEST else address
    already_there = address.startswith(_PLACEHOLDER.split(via)[0])
    if via in {"direct", "proxy"} or already_there:
        return address
    proxied = via.replace("{url_encoded}", quote(address, safe="")).replace("{url}", address)
    return resolve(proxied, "") or address


def candidates(srcset: str, policy: Policy) -> list[tuple[str, str]]:
    """Return the usable candidates of a `srcset`: addresses with their descriptors.

    >>> candidates("a.png, b.png 2x,javascript:c 3x", Policy(link_base="", media_base="https://x/"))
    [('https://x/a.png', ''), ('https://x/b.png', '2x')]
    """
    kept: list[tuple[str, str]] = []
    for original, descriptors in _candidates(srcset):
        valid = list(filter(_DESCRIPTOR.fullmatch, descriptors))
        address = image(original, policy) if valid or not descriptors else None
        if address and not address.startswith("data:"):
            # Many clients take a comma inside an address for the end of the candidate.
            kept.append((address.replace(",", "%2C"), valid[0] if valid else ""))
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
            # Here a comma ends the candidate; the text right after it begins the next one.
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
