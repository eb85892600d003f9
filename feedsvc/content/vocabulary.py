"""Tables of elements that `tidy` treats in the same way."""

GONE = {
    **dict.fromkeys(["script"], "it can run"),
    **dict.fromkeys(["style", "link"], "it changes how the reader looks"),
    **dict.fromkeys(
        ["template", "head", "title", "meta", "base", "param", "annotation", "annotation-xml"],
        "it is never shown",
    ),
    **dict.fromkeys(
        ["input", "button", "select", "textarea", "option", "optgroup", "datalist"],
        "forms do not work in readers",
    ),
    **dict.fromkeys(["frame", "frameset", "noframes", "noembed"], "obsolete"),
    **dict.fromkeys(["canvas"], "it needs script"),
}  # fmt: skip
ALIASES = {"xmp": "pre", "listing": "pre", "plaintext": "pre", "amp-video": "video",
            "amp-audio": "audio", "dir": "ul", "menu": "ul"}  # fmt: skip
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BLOCKS = HEADINGS | frozenset(
    """address article aside blockquote caption center col colgroup dd details div dl dt figcaption
    figure footer header hgroup hr li main nav ol p pre section summary table tbody td
    tfoot th thead tr ul""".split()
)
# Blocks that are not allowed elements: a space takes their place.
UNKNOWN_BLOCKS = frozenset({"form", "fieldset", "legend", "label", "marquee", "search", "dialog"})
# Elements whose text does not make a good summary.
QUIET = HEADINGS | frozenset(
    {"table", "figure", "figcaption", "nav", "aside", "footer", "audio", "video"}
)
EMPTY_GOES = HEADINGS | frozenset(
    """a abbr article aside b blockquote center cite code del dfn div em figcaption figure footer
    header i ins kbd main mark nav ol p picture q s samp section small span strike strong sub sup tt
    u ul var""".split()
)
VERBATIM = frozenset({"code", "kbd", "samp", "tt"})
LOWER = frozenset({"dir", "align", "valign", "scope", "kind"})
# Elements that leave no text when there are too many elements.
SILENT = frozenset(GONE) | {"noscript", "svg", "iframe"}
