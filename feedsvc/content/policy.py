"""The settings and addresses on which the cleaning of one article depends."""

from dataclasses import dataclass, field

from feedsvc.model import Cleaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one article is cleaned.

    Relative links are resolved against `link_base`, relative media against `media_base`. `page` is
    the article's page on our site, to which links to its anchors lead. Every id begins with
    `anchor`, so that two articles on one page do not clash. `link` is the entry's link. Our image
    proxy needs `base_url` and `image_key`.
    """

    link_base: str
    media_base: str
    page: str = ""
    anchor: str = "a-"
    title: str = ""
    authors: tuple[str, ...] = ()
    link: str = ""
    site: str = ""
    lead_image: str | None = None
    base_url: str = ""
    image_key: bytes | None = field(default=None, repr=False)
    cleaning: Cleaning = field(default_factory=Cleaning)
