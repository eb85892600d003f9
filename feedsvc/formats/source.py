"""The source of a feed, indented, for people who want to look at it."""

import json

from lxml import etree

_XML_TYPES = ("application/atom+xml", "application/rss+xml")


def indented(body: bytes, media_type: str) -> str:
    """Return a feed's own bytes as text with indents.

    >>> print(indented(b"<rss><channel><title>T</title></channel></rss>", "application/rss+xml"))
    <rss>
      <channel>
        <title>T</title>
      </channel>
    </rss>
    <BLANKLINE>
    """
    if media_type.startswith(_XML_TYPES):
        # No entity is expanded and nothing is loaded, although the bytes are our own.
        parser = etree.XMLParser(
            remove_blank_text=True, strip_cdata=False, resolve_entities=False, no_network=True,
            load_dtd=False, huge_tree=True,
        )  # fmt: skip
        tree = etree.fromstring(body, parser).getroottree()
        declaration = body.startswith(b"<?xml")
        text: bytes = etree.tostring(
            tree, pretty_print=True, encoding="UTF-8", xml_declaration=declaration
        )
        return text.decode()
    return json.dumps(json.loads(body), ensure_ascii=False, indent=2) + "\n"
