"""Digests of the settings that the contents of the index depend on. Pure.

| digest | of settings for | when it changes |
|---|---|---|
| articles | reading files | every file is read again |
| memberships | the feeds of an article | every article is put into its feeds again |
| view | the look of feeds | every feed has changed |
| content (`stamp`) | cleaning HTML | kept content is cleaned again, in the background |
"""

import hashlib
from typing import Any

from feedsvc import content, feeds, formats
from feedsvc.articles import POLICY as ARTICLES_POLICY
from feedsvc.config import Config


def digest(*parts: str) -> str:
    """Return a short digest of texts, which differs if any of them does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def policies(config: Config) -> dict[str, str]:
    """Return the digests for `articles`, `memberships` and `view`."""
    site, limits = config.site, config.feeds
    # Nothing for a site without private categories, so that its digests are as they were.
    hidden = sorted(feeds.hidden_terms(config.categories))
    private = [repr((sorted(config.private_slugs), hidden))] if config.private_slugs else []
    zones = [
        (repr(category), category.timezone) for category in config.categories if category.timezone
    ]
    return {
        "articles": digest(
            ARTICLES_POLICY,
            site.timezone.key,
            config.articles.future,
            str(config.articles.max_bytes),
            repr(zones),
        ),
        "memberships": digest(
            feeds.POLICY, str(limits.auto_categories), repr(config.categories), *private
        ),
        "view": digest(
            formats.POLICY,
            repr((site.id, site.title, site.description, site.base_url, site.language)),
            site.icon_address,
            repr((limits.limit, limits.content)),
            *config.websub.hubs,
            *private,
            # Only what is set: else each update of feedsvc would change all feeds.
            *([repr(config.sources)] if config.sources else []),
            *(["byline"] if limits.byline else []),
            *([f"license {site.license_url}"] if site.license_url else []),
            # The rules of `content:` that are applied when a feed is built.
            repr([(rules.get("convert"), rules.get("images")) for rules in _rules(config)]),
        ),
    }


def _rules(config: Config) -> list[dict[str, Any]]:
    site = {"convert": config.content.convert, "images": config.content.images}
    return [site, *(dict(category.cleaning) for category in config.categories)]


def stamp(config: Config) -> str:
    """Return a digest of all settings that cleaned content depends on."""
    site = config.site
    rules = [repr(category) for category in config.categories if category.cleaning]
    return digest(content.POLICY, site.base_url, site.title, repr(config.content), *rules)


def uses_image_proxy(config: Config) -> bool:
    """Tell whether readers get any images from our own proxy."""
    return any(
        route.via == "proxy" for rules in _rules(config) for route in rules.get("images", ())
    )
