"""Why there is no image: what the reader is told, and what the operator is."""

from feedsvc.errors import FeedsvcError

BUSY = 503


class ImageError(FeedsvcError):
    """An image cannot be had: an HTTP status, a sentence for anybody, `detail` for the log.

    The sentence is the same for a host that does not exist, one that is not public and one that
    does not answer: an address that somebody slipped into an article must not find out which.
    """

    def __init__(self, status: int, text: str, *, detail: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.detail = detail

    def again(self) -> "ImageError":
        """Return the same for another request; a raised exception carries its own traceback."""
        return ImageError(self.status, self.text, detail=self.detail)


def unreachable(detail: str) -> ImageError:
    """Return that the host cannot be asked, or did not send what it was asked for."""
    return ImageError(502, "The image's host did not send it.", detail=detail)


def too_slow(detail: str) -> ImageError:
    """Return that the host took too long."""
    return ImageError(504, "The image's host took too long.", detail=detail)


def too_large(limit: int) -> ImageError:
    """Return that the image has more than `limit` bytes."""
    return ImageError(502, "The image is too large.", detail=f"more than {limit} bytes")


def no_image(detail: str) -> ImageError:
    """Return that what came is no image."""
    return ImageError(502, "What the image's host sent is no image of a known kind.", detail=detail)


def busy(detail: str) -> ImageError:
    """Return that this process cannot take on any more just now."""
    return ImageError(BUSY, "Too many images are being fetched; ask again soon.", detail=detail)
