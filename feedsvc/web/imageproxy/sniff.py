"""The media type of an image, by its first bytes. Pure.

Raster formats alone, by the signatures of the WHATWG MIME Sniffing standard 6.1, and AVIF. SVG is
not among them, because it can hold script.
"""

NEEDED = 64  # bytes from the beginning


def media_type(head: bytes) -> str | None:
    r"""Return the media type of the image that begins with `head`, None for anything else.

    >>> media_type(b"\x89PNG\r\n\x1a\n...")
    'image/png'
    >>> media_type(b"<svg xmlns='http://www.w3.org/2000/svg'>") is None
    True
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:14] == b"WEBPVP":
        return "image/webp"
    if _brands(head) & {b"avif", b"avis"}:
        return "image/avif"
    return None


def _brands(head: bytes) -> set[bytes]:
    """Return the brands of an ISO media file (ISO/IEC 14496-12 4.3).

    A `ftyp` box: its length, its name, the major brand, a version, compatible brands. HEIC and MP4
    are such files too.
    """
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), NEEDED, len(head))
    return {head[8:12], *(head[start : start + 4] for start in range(16, end, 4))}
