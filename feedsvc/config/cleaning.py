"""`content:` of the site and of a category: how articles are cleaned. Pure."""

from typing import Any, get_args

from feedsvc import chinese, html5, patterns, weburl
from feedsvc.config.reader import Reader
from feedsvc.model import Cleaning, ImageRoute, ReferrerPolicy

_CONVERSIONS = ("s2t", "t2s", "s2tw", "tw2s", "s2twp", "tw2sp", "s2hk", "hk2s")


def overrides(section: Reader) -> dict[str, Any]:
    """Return the fields of Cleaning that a section sets."""
    default = Cleaning()
    values: dict[str, Any] = {
        "referrerpolicy": section.choice(
            "referrerpolicy", default.referrerpolicy, get_args(ReferrerPolicy)
        ),
        "trackers": section.choice("trackers", default.trackers, ("remove", "keep")),
        "embeds": section.choice("embeds", default.embeds, ("keep", "link")),
        "first_heading": section.choice("first_heading", default.first_heading, ("keep", "drop")),
        "lead_image": section.choice("lead_image", default.lead_image, ("keep", "prepend")),
        "convert": _conversion(section),
        "footer": section.text("footer", default.footer),
        "summary_length": section.number(
            "summary_length", default.summary_length, least=20, most=5000
        ),
        "summary_skip": _skipped(section, default.summary_skip),
        "remove": _selectors(section, "remove"),
        "unwrap": _selectors(section, "unwrap"),
        "replace": _replacements(section),
        "images": _routes(section),
        **{
            name: section.flag(name, getattr(default, name))
            for name in ("lazy_images", "anchors", "math", "styles", "tidy_text", "hexo")
        },
    }
    return {name: value for name, value in values.items() if section.names(name)}


def _conversion(section: Reader) -> str | None:
    value = section.choice("convert", "none", ("none", *_CONVERSIONS))
    if value != "none" and not chinese.available():
        section.refuse(("convert",), f"this needs OpenCC; {chinese.CURE}")
    return None if value == "none" else value


def _selectors(section: Reader, key: str) -> tuple[str, ...]:
    selectors = section.lines(key, ())
    for number, selector in enumerate(selectors):
        if mistake := html5.mistake_in(selector):
            section.refuse((key, number), f"{selector} is no CSS selector: {mistake}")
    return selectors


def _skipped(section: Reader, default: tuple[str, ...]) -> tuple[str, ...]:
    skipped = section.lines("summary_skip", default)
    for number, pattern in enumerate(skipped):
        filled = pattern.replace("{title}", "(?:x)").replace("{author}", "(?:x)")
        if mistake := patterns.mistake_in(filled, ""):
            reason = f"{pattern} is no regular expression (RE2): {mistake}"
            section.refuse(("summary_skip", number), reason)
    return skipped


def _replacements(section: Reader) -> tuple[tuple[str, str], ...]:
    replacements = []
    for item in section.items("replace"):
        pattern, replacement = item.text("pattern", ""), item.text("with", "")
        if not pattern:
            item.refuse(("pattern",), "is missing: the regular expression to replace")
        elif mistake := patterns.mistake_in(pattern, replacement):
            item.refuse(("pattern",), f"is no regular expression (RE2): {mistake}")
        replacements.append((pattern, replacement))
    return tuple(replacements)


def _routes(section: Reader) -> tuple[ImageRoute, ...]:
    routes = []
    for item in section.items("images"):
        hosts = item.lines("hosts", ())
        if not hosts:
            item.refuse(("hosts",), "is missing: a list of hosts, such as ['*.example.org']")
        via = item.line("via", "direct")
        if via not in {"direct", "proxy"} and not _is_template(via):
            item.refuse(
                ("via",),
                "expected direct, proxy, or an address with {url} or {url_encoded} in it,"
                f" got {via}",
            )
        routes.append(ImageRoute(hosts=hosts, via=via))
    return tuple(routes)


def _is_template(via: str) -> bool:
    parts = weburl.split(via.partition("{url")[0])
    return (
        parts is not None
        and via.startswith(("http://", "https://"))
        and parts.netloc != ""
        and ("{url}" in via or "{url_encoded}" in via)
    )
