"""What cleaning depends on besides the body itself."""

from dataclasses import dataclass, field

from feedsvc.model import Cleaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one article is cleaned.

    `link_base` is what relative links are relative to, `media_base` the same for images and other
    media. `page` is the article's page with us, where its anchors can be gone to. `anchor` begins
    every id in it, so that no two articles on one page clash. `link` is where the entry leads.
    `base_url` and `image_key` are needed for routes by way of our image proxy.
    """

    link_base: str
    media_base: str
    page: str = ""
    anchor: str = "a-"
    title: str = ""
    link: str = ""
    site: str = ""
    lead_image: str | None = None
    base_url: str = ""
    image_key: bytes | None = field(default=None, repr=False)
    cleaning: Cleaning = field(default_factory=Cleaning)
