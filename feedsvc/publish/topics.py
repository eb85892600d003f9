"""Topics: the terms of articles as a tree, made from how they occur together. Pure.

Crawlers write the path of a section as the terms of an article, general to special: 金融, 新浪财经,
新浪财经－国內. A term is below another one if nearly all of its articles name the other one too,
and name it earlier, and the other one has more articles, or as many and is on average nearer to the
beginning. Of several such terms the nearest counts: the one with the fewest articles. So the
numbers never grow from the top of the tree to its leaves, and no term can be below itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NEARLY_ALL = 0.9
"""The share of a term's articles that name the term above it."""
_LONGEST_PATH = 20  # terms of an article that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A term with a feed, the number of its articles, and the topics below it."""

    slug: str
    title: str
    articles: int
    children: "tuple[Topic, ...]" = ()


def parents(articles: Iterable[Sequence[str]], counts: Mapping[str, int]) -> dict[str, str]:
    """Return the term above each term that has one, by the terms of articles.

    `counts` are the numbers of articles of the terms that are shown; others are ignored.

    >>> counts = {"金融": 3, "财经": 2, "财经－国內": 2, "新闻": 1}
    >>> parents([["金融", "财经", "财经－国內"]] * 2 + [["金融"], ["新闻"]], counts)
    {'财经': '金融', '财经－国內': '财经'}
    """
    named: Counter[str] = Counter()
    places: Counter[str] = Counter()  # the sum of a term's places in its articles
    together: dict[str, Counter[str]] = defaultdict(Counter)  # a term's earlier terms
    for terms in articles:
        shown = [term for term in dict.fromkeys(terms) if term in counts][:_LONGEST_PATH]
        for place, term in enumerate(shown):
            named[term] += 1
            places[term] += place
            together[term].update(shown[:place])
    rank = {term: (counts[term], -places[term] / named[term], term) for term in named}
    above: dict[str, str] = {}
    for term, earlier in together.items():
        candidates = [
            rank[other]
            for other, number in earlier.items()
            if number >= NEARLY_ALL * named[term] and rank[other] > rank[term]
        ]
        if candidates:
            above[term] = min(candidates)[-1]
    return above


def tree(topics: Iterable[Topic], above: Mapping[str, str]) -> tuple[Topic, ...]:
    """Return topics in the order given, each with those below it; `above` is by slug."""
    below: dict[str | None, list[Topic]] = defaultdict(list)
    for topic in topics:
        below[above.get(topic.slug)].append(topic)

    def grown(topic: Topic) -> Topic:
        return Topic(
            slug=topic.slug,
            title=topic.title,
            articles=topic.articles,
            children=tuple(map(grown, below[topic.slug])),
        )

    return tuple(map(grown, below[None]))
