"""Explain step by step how the service treats one article, and why, for the operator."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from feedsvc import articles, feeds, identity
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import ArticleError, CleaningError, NotFoundError
from feedsvc.index import Index
from feedsvc.model import Article, Category, Identity, Withdrawal
from feedsvc.reading import Reading

Explanation = Iterator[tuple[str, Sequence[str]]]

_SHOWN = 300  # characters of a value or a line
_MOST_LINES = 100  # of a body


class Explainer:
    """Explains articles of one configuration and index."""

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._index = index
        self._contents = contents
        self._reading = Reading(config)

    def explain(self, file: str, now: datetime) -> Explanation:
        """Yield a heading and lines for each step. Raises NotFoundError for an unknown file."""
        source = self._source(file)
        signature = self._reading.directory.scan().signatures.get(source)
        if signature is None:
            raise NotFoundError(
                f"{file}: there is no such article in {self._config.articles.directory}, or"
                " articles.include leaves it out"
            )
        yield "file", [source, f"{signature.size} bytes"]
        outcome = self._reading.read(source, signature)
        read = outcome.file if outcome else None
        if read is None:
            problems = outcome.problems if outcome else ()
            yield "problem", list(map(str, problems)) or ["the file has just been deleted"]
            yield from self._known(source)
            return
        data = self._reading.directory.read(source)
        yield from self._read(source, data)
        article = read.article
        yield "dates", self._dates(article)
        yield "categories", list(self._categories(article))
        if article.draft:
            yield "draft", ["its front matter says so; it is in no feed"]
            return
        site_id = self._config.site.id
        known = self._index.ledger.identities(identity.candidates([read], site_id))
        assigned = identity.assign([read], known, site_id=site_id, now=now)[source]
        yield "id", list(_id(article, assigned, known))
        if assigned.withdrawn is not None:
            yield "withdrawn", list(_withdrawn(assigned.withdrawn))
            return
        if article.expires is not None:
            over = "; it is in no feed any more" if article.expires <= now else ""
            yield "expires", [f"{_moment(article.expires)}{over}"]
        yield from self._content(article, assigned.key)
        yield from self._known(source)

    def _source(self, file: str) -> str:
        root = self._config.articles.directory
        path = Path(os.path.abspath(file))  # noqa: PTH100 - links are not to be resolved
        root = Path(os.path.abspath(root))  # noqa: PTH100
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
        return Path(file).as_posix()

    def _read(self, source: str, data: bytes) -> Explanation:
        try:
            reading = articles.explain(source, data, zone_of=self._reading.zone_of)
        except ArticleError as error:  # the file changed after `explain` read it
            yield "problem", [f"{error.reason}; {error.cure}"]
            return
        yield "encoding", [reading.encoding]
        yield (
            f"front matter ({reading.kind})",
            [f"line {line}: {name} = {_short(value)}" for name, line, value in reading.fields],
        )
        if reading.article.problems:
            yield "passed over or recovered", list(map(str, reading.article.problems))

    def _dates(self, article: Article) -> list[str]:
        zone = self._reading.zone_of(article.title, article.terms)
        by_file = "not said: the time of the file when it was first seen"
        return [
            f"published: {_moment(article.published) or by_file}",
            f"updated: {_moment(article.updated) or 'not said: the last change that readers see'}",
            f"dates without a zone are in {zone}",
        ]

    def _categories(self, article: Article) -> Iterator[str]:
        yield f"terms: {', '.join(article.terms) or 'none'}"
        for category in self._config.categories:
            private = " (private)" if category.access is not None else ""
            yield f"{category.slug}{private}: {_why(category, article)}"

    def _content(self, article: Article, key: str) -> Explanation:
        try:
            cleaned = self._contents.clean(article, key)
        except CleaningError as error:
            yield "content", [f"{error}: only its summary is published"]
            return
        yield (
            "content",
            [
                f"{article.markup}, {len(article.body)} characters before,"
                f" {len(cleaned.html)} after",
                f"summary: {_short(article.summary or cleaned.summary)}",
            ],
        )
        yield "before", _lines(article.body)
        yield "after", _lines(cleaned.html)
        yield "removed", [f"{number} × {what}" for what, number in cleaned.removed] or ["nothing"]

    def _known(self, source: str) -> Explanation:
        slugs, held = self._index.articles.shown_in(source)
        if held is not None:
            yield "feeds", [f"none before {_moment(held)}: its date is in the future"]
            return
        base_url = self._config.site.base_url
        yield (
            "feeds",
            [feeds.address(base_url, slug) for slug in slugs]
            or ["none yet: the next pass will read it, or a copy of it is shown"],
        )


def _id(article: Article, assigned: Identity, known: Sequence[Identity]) -> Iterator[str]:
    before = next((row for row in known if row.id == assigned.id), None)
    yield assigned.id
    if article.id is not None:
        yield f"the front matter declares it: {article.id}"
    elif before is None:
        yield "new: made from the file's path and site.id"
    elif before.source == article.source:
        yield "remembered for this file"
    else:
        yield f"that of {before.source}: the same bytes, look or original"
    if assigned.source != article.source:
        yield f"{assigned.source} is its canonical file; this one is a copy and is not shown"


def _withdrawn(withdrawn: Withdrawal) -> Iterator[str]:
    said_by = withdrawn.source or "`feedsvc withdraw`; `--undo` shows it again"
    yield f"since {_moment(withdrawn.at)}, by {said_by}"
    yield f"reason: {withdrawn.notice.reason or 'none'}"
    if withdrawn.notice.legal:
        yield "the law demands it: its page answers 451"
    shown = {
        "pending": "the next pass takes it out of everything",
        "told": f"these feeds tell their readers: {', '.join(withdrawn.feeds)}",
        "past": "no feed tells of it",
    }
    yield shown[withdrawn.stage]
    if withdrawn.media:
        yield f"files that nobody gets any more: {', '.join(withdrawn.media)}"


def _why(category: Category, article: Article) -> str:
    belongs, rule, match = feeds.verdict(category, article.title, article.terms)
    reasons = {
        "exclude_terms": f"it has the excluded term {match}",
        "terms": f"it has the term {match}",
        "title_matches": f"its title matches, with “{match}”",
        None: "it has none of the terms, and its title does not match",
    }
    reason = reasons[rule]
    return f"{'yes' if belongs else 'no'}: {reason}"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _lines(text: str) -> list[str]:
    """Return the lines of a text that are not blank, shortened to what can be read."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    more = [f"… {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
    return [*map(_cut, lines[:_MOST_LINES]), *more]


def _short(value: object) -> str:
    return _cut(" ".join(str(value).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
