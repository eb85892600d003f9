"""What the index holds depends on settings; their digests tell when it must be made again. Pure.

| digest | of what | when it moves |
|---|---|---|
| articles | how files are read | every file is read again |
| memberships | which feeds an article belongs to | every article is put into its feeds again |
| view | how feeds look | every feed has changed |
| content (`stamp`) | how HTML is cleaned | what is kept is cleaned again, in the background |
"""

import hashlib
from typing import Any

from feedsvc import content, feeds, formats
from feedsvc.articles import POLICY as ARTICLES_POLICY
from feedsvc.config import Config


def digest(*parts: str) -> str:
    """Return a short digest of some texts, for telling whether any has changed."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def policies(config: Config) -> dict[str, str]:
    """Return digests of all that the index's contents depend on besides the files."""
    site, limits = config.site, config.feeds
    zones = [(repr(one), one.timezone) for one in config.categories if one.timezone]
    return {
        "articles": digest(
            ARTICLES_POLICY,
            site.timezone.key,
            config.articles.future,
            str(config.articles.max_bytes),
            repr(zones),
        ),
        "memberships": digest(feeds.POLICY, str(limits.auto_categories), repr(config.categories)),
        "view": digest(
            formats.POLICY,
            repr((site.id, site.title, site.description, site.base_url, site.language)),
            site.icon_address,
            repr((limits.limit, limits.content)),
            # What of `content:` is done as a feed is made: titles converted, lead images routed.
            repr([(rules.get("convert"), rules.get("images")) for rules in _rules(config)]),
        ),
    }


def _rules(config: Config) -> list[dict[str, Any]]:
    site = {"convert": config.content.convert, "images": config.content.images}
    return [site, *(dict(category.cleaning) for category in config.categories)]


def stamp(config: Config) -> str:
    """Return a digest of all that cleaned content depends on besides the articles."""
    site = config.site
    rules = [repr(one) for one in config.categories if one.cleaning]
    return digest(content.POLICY, site.base_url, site.title, repr(config.content), *rules)


def needs_image_key(config: Config) -> bool:
    """Tell whether any image goes by way of our own proxy."""
    return any(
        route.via == "proxy" for rules in _rules(config) for route in rules.get("images", ())
    )
