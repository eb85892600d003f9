"""Why an image cannot be served: one sentence for the reader, the detail for the log."""

from feedsvc.errors import FeedsvcError

BUSY = 503


class ImageError(FeedsvcError):
    """An image cannot be served: an HTTP status, a sentence for readers, `detail` for the log.

    The sentence is the same for a host that does not exist, is not public, or does not answer: it
    must not help anybody to explore our network by addresses in articles.
    """

    def __init__(self, status: int, text: str, *, detail: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.detail = detail

    def again(self) -> "ImageError":
        """Return a copy to raise for another request, with a traceback of its own."""
        return ImageError(self.status, self.text, detail=self.detail)


def unreachable(detail: str) -> ImageError:
    """The host cannot be asked, or did not send the image."""
    return ImageError(502, "The image's host did not send it.", detail=detail)


def too_slow(detail: str) -> ImageError:
    """The host took too long."""
    return ImageError(504, "The image's host took too long.", detail=detail)


def too_large(limit: int) -> ImageError:
    """The image has more than `limit` bytes."""
    return ImageError(502, "The image is too large.", detail=f"more than {limit} bytes")


def no_image(detail: str) -> ImageError:
    """The answer of the host is no image."""
    return ImageError(502, "What the image's host sent is no image of a known kind.", detail=detail)


def busy(detail: str) -> ImageError:
    """This process cannot fetch any more images just now."""
    return ImageError(BUSY, "Too many images are being fetched; ask again soon.", detail=detail)
