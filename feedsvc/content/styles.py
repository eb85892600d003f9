"""`style` attributes, reduced to declarations that fit any reader's design."""

_WORDS = {
    "text-align": frozenset({"left", "right", "center", "justify", "start", "end"}),
    "text-decoration": frozenset({"underline", "line-through", "overline", "none"}),
    "font-style": frozenset({"italic", "oblique", "normal"}),
    "font-weight": frozenset(
        {"bold", "bolder", "lighter", "normal", *(str(hundred) for hundred in range(100, 901, 100))}
    ),
    "vertical-align": frozenset({"sub", "super", "top", "middle", "bottom", "baseline"}),
    "white-space": frozenset({"pre", "pre-wrap", "pre-line", "nowrap", "normal"}),
    "list-style-type": frozenset(
        """none disc circle square decimal lower-alpha upper-alpha lower-roman upper-roman
        cjk-ideographic""".split()
    ),
}
_LONGEST = 10_000


def reduced(style: str) -> str:
    """Return the allowed declarations of a `style` attribute.

    >>> reduced("TEXT-ALIGN: center !important; color: red; background: url(javascript:x)")
    'text-align: center'
    """
    kept: dict[str, str] = {}
    for declaration in style[:_LONGEST].lower().split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip(), value.replace("!important", "").strip()
        if value in _WORDS.get(name, ()):
            kept[name] = value
    return "; ".join(f"{name}: {value}" for name, value in kept.items())
