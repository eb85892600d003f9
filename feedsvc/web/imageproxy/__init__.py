"""The image proxy: images whose hosts refuse foreign referrers, from our own address.

    images ─┬─► cache     on disk already
            └─► fetch ──► targets      is this host public?
                     ├──► connection   asks it
                     └──► sniff        is the answer an image?

It serves only addresses that `feedsvc.signing` made, so only images of our own articles. Headers of
the host are not passed on. Not inside: the choice of the images that go through the proxy.
"""

from collections.abc import Callable

from flask import Blueprint, Response, request

from feedsvc import __version__
from feedsvc.config import ImageProxy
from feedsvc.signing import address_of
from feedsvc.web.imageproxy import failure
from feedsvc.web.imageproxy.cache import Cache, Image, name_of
from feedsvc.web.imageproxy.failure import ImageError
from feedsvc.web.imageproxy.fetch import Fetcher
from feedsvc.web.imageproxy.images import MOST_FETCHES, Images

__all__ = ["MOST_FETCHES", "blueprint"]

_MAX_AGE = 30 * 24 * 3600


def blueprint(
    key: Callable[[], bytes | None],
    settings: ImageProxy,
    *,
    base_url: str,
    images: Images | None = None,
) -> Blueprint:
    """Return the route of proxied images; `key` returns None while the proxy is off.

    Tests bring their own `images`. Nothing is opened before the first request.
    """
    routes = Blueprint("imageproxy", __name__)
    images = images or _images(settings, base_url)

    @routes.get("/image/<signature>/<encoded>")
    def image(signature: str, encoded: str) -> Response:
        secret = key()
        address = None if secret is None else address_of(secret, signature, encoded)
        if address is None:
            return _refusal(ImageError(404, "There is no such image."))
        # A digest of the address, and weak (RFC 9110 8.8.1): it answers without fetching the image,
        # which is taken to stay the same, as `immutable` says.
        tag = name_of(address)[:32]
        if tag in request.if_none_match.as_set(include_weak=True):
            response = Response(status=304)
            del response.headers["Content-Type"]
            return _cacheable(response, tag)
        try:
            return _cacheable(_response(images.get(address)), tag)
        except ImageError as error:
            return _refusal(error)

    return routes


def _images(settings: ImageProxy, base_url: str) -> Images:
    fetcher = Fetcher(
        user_agent=f"feedsvc/{__version__} (+{base_url})",
        max_bytes=settings.max_bytes,
        timeout=settings.timeout,
        referers=settings.referers,
    )
    return Images(Cache(settings.directory, settings.cache_bytes), fetcher)


def _response(image: Image) -> Response:
    response = Response(image, content_type=image.media_type, direct_passthrough=True)
    response.content_length = image.length
    response.headers["Content-Disposition"] = "inline"
    return response


def _cacheable(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = f"public, max-age={_MAX_AGE}, immutable"
    return _harmless(response)


def _refusal(error: ImageError) -> Response:
    response = Response(f"{error.text}\n", error.status, mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    if error.status == failure.BUSY:
        response.headers["Retry-After"] = "5"
    return _harmless(response)


def _harmless(response: Response) -> Response:
    """Add the headers by which any page may show it, and a browser takes it for nothing else."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
