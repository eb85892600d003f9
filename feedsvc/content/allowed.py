"""The elements and attributes that `tidy` may write, and the pattern of each attribute's value."""

import re

TAGS = frozenset(
    """a abbr acronym address article aside audio b bdi bdo blockquote br caption center cite code
    col colgroup data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6
    header hgroup hr i iframe img ins kbd li main mark nav ol p picture pre q rp rt ruby s
    samp section small source span strike strong sub summary sup table tbody td tfoot th thead
    time tr track tt u ul var video wbr""".split()
)
VOID = frozenset({"br", "col", "hr", "img", "source", "track", "wbr"})

# MathML Core, without elements that link, act or hold HTML (`annotation-xml`, `maction`, `mglyph`).
MATH_TOKENS = frozenset({"mi", "mn", "mo", "ms", "mtext"})
MATH_TAGS = MATH_TOKENS | frozenset(
    """math merror mfrac mmultiscripts mover mpadded mphantom mprescripts mroot mrow mspace msqrt
    mstyle msub msubsup msup mtable mtd mtr munder munderover""".split()
)

EVERYWHERE = ("id", "title", "lang", "dir", "style")
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "a": ("href", "hreflang", "rel"),
    "audio": ("src", "controls", "loop", "muted", "preload"),
    "blockquote": ("cite",),
    "code": ("class",),
    "col": ("span",),
    "colgroup": ("span",),
    "data": ("value",),
    "del": ("cite", "datetime"),
    "details": ("open",),
    "iframe": ("src", "width", "height", "allowfullscreen", "sandbox", "loading", "referrerpolicy"),
    "img": ("src", "srcset", "sizes", "alt", "width", "height", "loading", "referrerpolicy"),
    "ins": ("cite", "datetime"),
    "li": ("value",),
    "ol": ("start", "type", "reversed"),
    "pre": ("class",),
    "q": ("cite",),
    "source": ("src", "srcset", "sizes", "media", "type"),
    "td": ("colspan", "rowspan", "headers", "align", "valign"),
    "th": ("colspan", "rowspan", "headers", "scope", "abbr", "align", "valign"),
    "time": ("datetime",),
    "track": ("src", "kind", "srclang", "label"),
    "video": ("src", "poster", "width", "height", "controls", "loop", "muted", "preload"),
}
MATH_ATTRIBUTES = (
    "dir", "display", "accent", "accentunder", "columnspan", "depth", "fence", "form", "height",
    "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits",
    "rowspan", "rspace", "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width",
)  # fmt: skip
for _tag in MATH_TAGS:
    ATTRIBUTES[_tag] = MATH_ATTRIBUTES

# Referrer Policy, 3.
REFERRER_POLICIES = frozenset(
    """no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin
    strict-origin strict-origin-when-cross-origin unsafe-url""".split()
)
SANDBOX = "allow-scripts allow-same-origin allow-popups allow-presentation"
"""The permissions that a player in a frame needs: no navigation of the page, no downloads."""

# The hosts of players, and the path under which they show only the player.
EMBEDS = {
    "youtube.com": "embed/",
    "youtube-nocookie.com": "embed/",
    "player.vimeo.com": "video/",
    "player.bilibili.com": "player.html",
    "dailymotion.com": "embed/",
    "geo.dailymotion.com": "player",
    "w.soundcloud.com": "player/",
    "bandcamp.com": "EmbeddedPlayer/",
    "open.spotify.com": "embed/",
}

_WEB = r"https?://[^\s<>\"'`\\]+"
DATA_IMAGE = r"data:image/(?:png|jpe?g|gif|webp|avif);base64,[A-Za-z0-9+/=]+"
_KEYWORDS = r"[a-z]+(?:-[a-z]+)*"
_STYLE = (
    rf"(?:text-align|text-decoration|font-style|font-weight|vertical-align|white-space"
    rf"|list-style-type): (?:{_KEYWORDS}|[1-9]00)"
)
_SIZE = r"\d{1,5}(?:\.\d{1,3})?(?:%|em|ex|px)?"
_WORD = r"[\w.%+:-]{1,40}"
# In a formula: too short to cover the text around it, or a word such as `thin`.
_LENGTH = re.compile(r"[+-]?(?:\d{1,2}(?:\.\d{1,9})?|\.\d{1,9})(?:[a-z]{2}|%)?|[a-z]{1,24}")
_LENGTHS = frozenset(
    "depth height linethickness lspace maxsize minsize rspace voffset width".split()
)

_NAMED_TWICE = {"dir", "columnspan", "rowspan"} | _LENGTHS  # in MathML as in HTML

# The whole value must match. A name that is missing here takes any text up to LONGEST characters.
SHAPES: dict[str, re.Pattern[str]] = {
    name: re.compile(shape)
    for name, shape in {
        "href": r"(?:https?://|mailto:)[^\s<>\"`\\]+",
        **dict.fromkeys(("cite", "poster"), _WEB),
        "src": rf"{_WEB}|{DATA_IMAGE}",
        "srcset": rf"{_WEB}(?: [\d.]+[wxh])?(?:, {_WEB}(?: [\d.]+[wxh])?)*",
        "rel": "noopener noreferrer",
        "referrerpolicy": "|".join(sorted(REFERRER_POLICIES)),
        "loading": "lazy",
        "preload": "none",
        "sandbox": SANDBOX,
        "class": r"(?:language|lang)-[\w+#.-]{1,40}",  # for syntax highlighters
        **dict.fromkeys(("width", "height"), _SIZE),
        "id": r"[\w.:-]{1,120}",
        **dict.fromkeys(("lang", "hreflang", "srclang"), r"[A-Za-z0-9-]{1,35}"),
        "dir": "ltr|rtl|auto",
        "style": rf"{_STYLE}(?:; {_STYLE})*",
        "type": r"[\w.+-]{1,40}(?:/[\w.+-]{1,80})?(?:; ?codecs=[\w.,\" -]{1,80})?",
        "media": r"[\w\s():.,-]{1,200}",
        "sizes": r"[\w\s():.,%+*/-]{1,500}",
        "datetime": r"[\w\s:.,+-]{1,60}",
        "align": "left|right|center|justify|char",
        "valign": "top|middle|bottom|baseline",
        **dict.fromkeys(("colspan", "columnspan", "span"), r"\d{1,4}"),
        "rowspan": r"\d{1,5}",
        "start": r"-?\d{1,9}",
        "scope": "row|col|rowgroup|colgroup",
        "kind": "subtitles|captions|descriptions|chapters|metadata",
        **dict.fromkeys(
            ("controls", "loop", "muted", "open", "reversed", "allowfullscreen"), r"[a-z]{0,15}"
        ),
        **dict.fromkeys(set(MATH_ATTRIBUTES) - _NAMED_TWICE, _WORD),
    }.items()
}
LONGEST = 2000


def allows(tag: str, name: str, value: str) -> bool:
    """Tell whether an element may have this attribute with this value."""
    if name not in EVERYWHERE and name not in ATTRIBUTES.get(tag, ()):
        return False
    shape = _LENGTH if name in _LENGTHS and tag in MATH_TAGS else SHAPES.get(name)
    if shape is None:
        return len(value) <= LONGEST
    if shape.fullmatch(value) is None:
        return False
    if name == "src":
        if tag == "iframe":
            return embeddable(value)
        return tag == "img" or not value.startswith("data:")
    return True


def filtered(tag: str, attributes: dict[str, str]) -> dict[str, str]:
    """Return the attributes that an element may have."""
    return {name: value for name, value in attributes.items() if allows(tag, name, value)}


_PLAYERS = "|".join(f"{re.escape(host)}/{re.escape(path)}" for host, path in EMBEDS.items())
_EMBED = re.compile(rf"https://(?:www\.|m\.)?(?:{_PLAYERS})[^\s<>\"'`\\]*", re.ASCII)


def embeddable(address: str) -> bool:
    """Tell whether a frame may show this address.

    >>> embeddable("https://www.youtube.com/embed/x"), embeddable("https://youtube.com.evil.example/")
    (True, False)
    """
    return _EMBED.fullmatch(address) is not None
