"""The media types of files beside the articles, for feeds and for the web.

Our own table, because the standard library's depends on the version of Python, and equal articles
must give equal bytes everywhere. SVG is not in it, because it can hold script.
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
"""The types that the icon of a site may have."""


def of(address: str) -> str | None:
    """Return the media type by the extension in an address, None where it has none of ours.

    >>> of("https://example.org/a.JPG?w=1")
    'image/jpeg'
    >>> of("http://[::1") is None
    True
    """
    parts = weburl.split(address)
    return None if parts is None else TYPES.get(splitext(parts.path)[1].lower())
