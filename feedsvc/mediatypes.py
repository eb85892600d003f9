"""The media types that feeds announce and that are served from beside the articles.

Our own table, because the standard library's grows with Python's version and equal articles must
give equal bytes everywhere. None of these can hold script; SVG can, so it is not here.
"""

from posixpath import splitext

from feedsvc import weburl

TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}

ICONS = {
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
"""What the icon of a site may be."""


def of(address: str) -> str | None:
    """Return the media type that the end of an address names, None where it names none.

    >>> of("https://example.org/a.JPG?w=1")
    'image/jpeg'
    >>> of("http://[::1") is None
    True
    """
    parts = weburl.split(address)
    return None if parts is None else TYPES.get(splitext(parts.path)[1].lower())
