"""Full text: which words a text has, what a query means, where its words are in a text.

    body ── plain ──► text ── separated ──► what the index holds
    what a person typed ── parse ──► Query ── separated ──► what is looked up in the index
                                       └───── excerpt, score ──► what a page of results shows

Pure: no I/O, no clock. Chinese, Japanese and Korean have no spaces between words, so each of their
characters counts as a word, and a longer word is looked up as a phrase of its characters.
"""

from feedsvc.fulltext.excerpts import Piece, excerpt, marked, score
from feedsvc.fulltext.plain import LONGEST, plain
from feedsvc.fulltext.queries import Query, parse
from feedsvc.fulltext.words import separated

__all__ = [
    "LONGEST",
    "POLICY",
    "Piece",
    "Query",
    "excerpt",
    "marked",
    "parse",
    "plain",
    "score",
    "separated",
]

POLICY = "2"
"""Raise it when the same article is indexed by other words than before: the index is made anew."""
