"""What readers get at the public address: a proxy, a shared cache or a firewall may change it.

A feed is asked for as several feed readers do. Each difference from what the service sends is named
with its cure. Nothing but the feed is asked for, a dozen times.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import urllib3

from feedsvc import weburl
from feedsvc.formats import FORMATS

_SECONDS = 20.0  # for one answer
_MOST_BYTES = 50 * 1024 * 1024
_WORTH_COMPRESSING = 1000  # bytes

READERS: Mapping[str, Mapping[str, str]] = {
    "curl": {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
    "feedparser": {
        "User-Agent": "feedparser/6.0.11 +https://github.com/kurtmckee/feedparser/",
        "Accept": "application/atom+xml,application/rss+xml,application/xml;q=0.9,*/*;q=0.1",
        "A-IM": "feed",
    },
    "Miniflux": {
        "User-Agent": "Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)",
        "Accept": "application/xml,application/atom+xml,application/rss+xml,text/html,*/*;q=0.9",
    },
    "Thunderbird": {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.5.0",
        "Accept": "application/atom+xml,application/rss+xml;q=0.9,text/html;q=0.1",
    },
    "a reader without a name": {},
}
"""The headers of feed readers, by name."""

_BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}
_GZIP = {"Accept-Encoding": "gzip"}
_CHALLENGE = re.compile(
    rb"challenge|captcha|just a moment|checking your browser|enable javascript|not a bot|anubis",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"^<[^<>]{0,500}>:?\s{0,9}")  # as urllib3 names its own objects
_SELF = re.compile(rb"<(?:atom:)?link\b[^<>]*\brel=\"self\"[^<>]*>|\"feed_url\":\"([^\"]*)\"")
_HREF = re.compile(rb'\bhref="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong at the public address, for whom, and what mends it."""

    reader: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: bytes  # without its content coding

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def coding(self) -> str:
        return self.headers.get("content-encoding", "identity").lower()


class LiveCheck:
    """Asks for the feed at one address. An address without a feed's suffix is that of the site."""

    def __init__(self, address: str) -> None:
        suffix = address.rpartition(".")[2]
        self.address = address if suffix in FORMATS else f"{address.rstrip('/')}/feeds/all.atom"
        format = FORMATS[self.address.rpartition(".")[2]]
        self._media_type = format.media_type.partition(";")[0]
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(total=_SECONDS), retries=False, maxsize=1
        )

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong. Where nobody can read the feed, nothing else is looked at."""
        good: dict[str, _Answer] = {}
        for reader, headers in READERS.items():
            answer = self._ask(reader, headers)
            if isinstance(answer, Fault):
                yield answer
                return  # nobody reaches it
            fault = self._fault_of(reader, answer)
            if fault:
                yield fault
            else:
                good[reader] = answer
        if not good:
            return
        first, answer = next(iter(good.items()))
        for reader, other in good.items():
            if other.body != answer.body:
                yield Fault(
                    reader=reader,
                    what=f"gets other bytes than {first}",
                    cure="let the proxy pass feeds on as they are; or the feed has just changed:"
                    " check again",
                )
        yield from self._self_link(first, answer)
        yield from self._conditional(first, READERS[first], answer)
        yield from self._compressed(first, READERS[first], answer)
        yield from self._shared_cache(first, READERS[first])

    def _fault_of(self, reader: str, answer: _Answer) -> Fault | None:
        if 300 <= answer.status < 400:
            target = weburl.join(self.address, answer.headers.get("location", "")) or "nowhere"
            return Fault(
                reader=reader,
                what=f"is sent on to {target} ({answer.status})",
                cure="give readers the final address, and set site.base_url to it: some readers do"
                " not follow",
            )
        html = answer.media_type in {"text/html", "application/xhtml+xml"}
        challenged = "cf-mitigated" in answer.headers or (
            html and _CHALLENGE.search(answer.body[:100_000])
        )
        if challenged or answer.status in {401, 403, 429}:
            return Fault(
                reader=reader,
                what=f"is asked to prove that it is a person ({answer.status})",
                cure="let requests for /feeds/ through without a challenge, as docs/proxy.md shows",
            )
        if answer.status == 503 and "retry-after" in answer.headers:
            return Fault(
                reader=reader,
                what="is told to come again later (503)",
                cure="the articles are being read for the first time: check again in a while",
            )
        if answer.status != 200:
            return Fault(
                reader=reader,
                what=f"gets the status {answer.status}",
                cure="look into the logs of the proxy and of feedsvc",
            )
        if answer.media_type != self._media_type:
            kind = answer.media_type or "no media type"
            return Fault(
                reader=reader,
                what=f"gets {kind}, not {self._media_type}",
                cure="let the proxy pass Content-Type on as it is",
            )
        return None

    def _self_link(self, reader: str, answer: _Answer) -> Iterator[Fault]:
        match = _SELF.search(answer.body[:100_000])
        link = match and (match[1] or (_HREF.search(match[0]) or [b"", b""])[1])
        own = (link or b"").decode("utf-8", "replace").replace("&amp;", "&")
        if own != self.address:
            yield Fault(
                reader=reader,
                what=f"reads in the feed that its address is {own or 'nowhere'}",
                cure=f"set site.base_url so that it is {self.address}",
            )

    def _conditional(
        self, reader: str, headers: Mapping[str, str], first: _Answer
    ) -> Iterator[Fault]:
        for name, validator, condition in (
            ("ETag", "etag", "If-None-Match"),
            ("Last-Modified", "last-modified", "If-Modified-Since"),
        ):
            value = first.headers.get(validator)
            if value is None:
                yield Fault(
                    reader=reader,
                    what=f"gets no {name}, and so loads the whole feed each time",
                    cure=f"let the proxy pass {name} on",
                )
                continue
            answer = self._ask(reader, {**headers, condition: value})
            if isinstance(answer, Fault):
                yield answer
            elif answer.status != 304:
                yield Fault(
                    reader=reader,
                    what=f"loads the whole feed again, though it sends {condition}"
                    f" ({answer.status})",
                    cure=f"let the proxy pass {condition} on to feedsvc",
                )

    def _compressed(
        self, reader: str, headers: Mapping[str, str], plain: _Answer
    ) -> Iterator[Fault]:
        if plain.coding != "identity":
            yield Fault(
                reader=reader,
                what=f"gets {plain.coding}, though it asks for none",
                cure="a shared cache ignores Vary: let it keep one answer for each Accept-Encoding",
            )
        answer = self._ask(reader, {**headers, **_GZIP})
        if isinstance(answer, Fault):
            yield answer
            return
        if answer.coding != "gzip" and len(answer.body) >= _WORTH_COMPRESSING:
            yield Fault(
                reader=reader,
                what="gets the feed without gzip",
                cure="let the proxy pass Accept-Encoding on to feedsvc, which compresses by itself",
            )
        tag = answer.headers.get("etag")
        if tag is None or tag.startswith("W/"):
            yield Fault(
                reader=reader,
                what=f"gets {'a weak ETag' if tag else 'no ETag'} with gzip",
                cure="turn compression off in the proxy (nginx: gzip off): feedsvc does it",
            )
        if tag is not None:
            again = self._ask(reader, {**headers, **_GZIP, "If-None-Match": tag})
            if isinstance(again, _Answer) and again.status != 304:
                yield Fault(
                    reader=reader,
                    what=f"loads the whole feed again with the ETag {tag} that it got with gzip",
                    cure="turn compression off in the proxy (nginx: gzip off): feedsvc does it",
                )

    def _shared_cache(self, reader: str, headers: Mapping[str, str]) -> Iterator[Fault]:
        person = self._ask("a browser", _BROWSER)
        after = self._ask(reader, headers)
        if isinstance(after, _Answer) and after.media_type == "text/html":
            yield Fault(
                reader=reader,
                what="gets a page after a browser has asked for the feed",
                cure="a shared cache keeps answers that are private: let it obey Cache-Control",
            )
        elif isinstance(person, _Answer) and person.media_type == self._media_type:
            yield Fault(
                reader="a browser",
                what="gets the feed's source, not the page about it",
                cure="a shared cache ignores Vary, which harms no reader; let it obey Vary, or"
                " leave it",
            )

    def _ask(self, reader: str, headers: Mapping[str, str]) -> _Answer | Fault:
        # Without this, urllib3 would name itself and accept no coding but identity.
        sent = {
            "User-Agent": urllib3.util.SKIP_HEADER,
            "Accept-Encoding": urllib3.util.SKIP_HEADER,
            **headers,
        }
        try:
            answer = self._http.request("GET", self.address, headers=sent, preload_content=False)
            try:
                body = answer.read(_MOST_BYTES, decode_content=True)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Fault(
                reader=reader,
                what=f"the address cannot be reached: {_reason(error)}",
                cure="look at its name, at the proxy and the firewall, and whether feedsvc runs",
            )
        small = {name.lower(): value for name, value in answer.headers.items()}
        return _Answer(status=answer.status, headers=small, body=body)


def _reason(error: Exception) -> str:
    """Return an error of urllib3 in few words."""
    reason = getattr(error, "reason", None) or error
    return _OBJECT.sub("", str(reason)[:2000])[:200]
