"""One pass over the articles directory: gather, decide, apply."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from feedsvc import articles, content, feeds, formats, identity
from feedsvc.changes import diff
from feedsvc.config import Config
from feedsvc.errors import ArticleError
from feedsvc.index import Index, Writer
from feedsvc.model import Article, Problem, Published, Refresh, Signature
from feedsvc.scan import Directory

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""

LIST = ""
"""The slug under which the state of the list of feeds is kept; no feed can have it."""

_BATCH = 200  # articles held in memory at a time
_NEVER = Signature(mtime_ns=-1, size=-1)


class Refresher:
    """Brings one index up to date with one directory."""

    def __init__(self, config: Config, index: Index) -> None:
        self._config = config
        self._index = index
        self._directory = Directory(config.articles.directory, config.articles.include)
        self._policies = _policies(config)

    def refresh(self, now: datetime, progress: Progress | None = None) -> Refresh:
        """Make one pass; `now` is the time it is made at."""
        started = time.perf_counter()
        second = now.replace(microsecond=0)
        found = self._directory.signatures()
        known = self._index.signatures()
        stale = {
            name for name, policy in self._policies.items() if self._index.meta(name) != policy
        }
        if "articles" in stale:  # the same bytes would be read as other articles now
            known = dict.fromkeys(known, _NEVER)
        changes = diff(known, found)
        if changes or stale:
            with self._index.writing() as writer:
                writer.remove_files(changes.removed)
                if "memberships" in stale:
                    self._rejoin(writer)
                # What is known already goes first: a new file may be a copy of it.
                sources = (*changes.modified, *changes.added)
                self._read(writer, sources, found, second, progress)
                while heirs := writer.heirs():
                    self._read(writer, heirs, found, second)
                self._settle(writer, now, everything=bool(stale))
                for name in stale:
                    writer.set_meta(name, self._policies[name])
        return Refresh(
            changes=changes,
            articles=self._index.count(),
            seconds=time.perf_counter() - started,
            problems=self._index.problems(),
        )

    def _read(
        self,
        writer: Writer,
        sources: Sequence[str],
        signatures: Mapping[str, Signature],
        now: datetime,
        progress: Progress | None = None,
    ) -> None:
        done = 0
        for batch in _batches(sources, _BATCH):
            self._read_batch(writer, batch, signatures, now)
            done += len(batch)
            if progress:
                progress(done, len(sources))

    def _read_batch(
        self,
        writer: Writer,
        sources: Sequence[str],
        signatures: Mapping[str, Signature],
        now: datetime,
    ) -> None:
        problems: dict[str, list[Problem]] = {}
        settled: dict[str, Signature] = {}
        found: list[identity.Found] = []
        drafts: list[str] = []
        for source in sources:
            try:
                one = _found(self._directory, source, signatures[source], self._config)
            except FileNotFoundError:
                continue  # gone since the scan: the next one says so
            except OSError as error:
                # Not settled, so the next pass tries again.
                problems[source] = [_unreadable(source, error)]
                continue
            except ArticleError as error:
                problems[source] = [_refused(source, error)]
            else:
                problems[source] = list(one.article.problems)
                if one.article.draft:
                    drafts.append(source)
                else:
                    found.append(one)
            settled[source] = signatures[source]
        self._publish(writer, found, now)
        writer.remove_articles(drafts)
        writer.write_files(settled)
        writer.write_problems(_with_standing(problems, writer))

    def _publish(self, writer: Writer, found: Sequence[identity.Found], now: datetime) -> None:
        site_id = self._config.site.id
        known = writer.identities(identity.candidates(found, site_id))
        assigned = identity.assign(found, known, site_id=site_id, now=now)
        published = []
        for one in found:
            settled = assigned[one.article.source]
            moment = one.article.published or settled.first_seen
            published.append(
                Published(
                    article=one.article,
                    id=settled.id,
                    key=settled.key,
                    published=moment,
                    updated=settled.updated,
                    version=_digest(settled.seen_digest, str(moment), str(settled.updated)),
                )
            )
        writer.write_articles([(one, self._memberships(one.article)) for one in published])
        writer.write_identities(one for source, one in assigned.items() if one.source == source)

    def _memberships(self, article: Article) -> dict[str, str | None]:
        return feeds.memberships(
            article, self._config.categories, auto=self._config.feeds.auto_categories
        )

    def _rejoin(self, writer: Writer) -> None:
        """Put every known article into the feeds that the configuration has now."""
        for batch in _batches(writer.all_articles(), _BATCH):
            writer.write_memberships([(one, self._memberships(one.article)) for one in batch])

    def _settle(self, writer: Writer, now: datetime, *, everything: bool) -> None:
        """Note what each feed that was touched shows now."""
        config = self._config
        configured = {category.slug: repr(category) for category in config.categories}
        touched = writer.touched | ({feeds.ALL, *configured} if everything else set())
        if everything:
            touched |= writer.all_slugs() - {LIST}
        view = self._policies["view"]
        fingerprints = {
            slug: _digest(
                view, configured.get(slug, slug), *writer.versions(slug, config.feeds.limit)
            )
            for slug in touched
        }
        listed = (f"{slug}\n{term}" for slug, term in writer.term_slugs())
        fingerprints[LIST] = _digest(view, *configured.values(), *listed)
        writer.settle_feeds(fingerprints, now)


def check(config: Config, progress: Progress | None = None) -> tuple[Problem, ...]:
    """Read every article and return what is wrong, worst first; nothing is written anywhere."""
    directory = Directory(config.articles.directory, config.articles.include)
    signatures = directory.signatures()
    problems: list[Problem] = []
    for done, (source, signature) in enumerate(signatures.items(), start=1):
        try:
            problems += _found(directory, source, signature, config).article.problems
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(_unreadable(source, error))
        except ArticleError as error:
            problems.append(_refused(source, error))
        if progress:
            progress(done, len(signatures))
    return tuple(sorted(problems, key=lambda one: (one.published, one.source, one.line or 0)))


def _found(
    directory: Directory, source: str, signature: Signature, config: Config
) -> identity.Found:
    data = directory.read(source)
    return identity.Found(
        article=articles.parse(source, data, zone_of=lambda *_: config.site.timezone),
        file_digest=hashlib.sha256(data).hexdigest()[:32],
        mtime=datetime.fromtimestamp(max(0, signature.mtime_ns // 10**9), tz=UTC),
    )


def _unreadable(source: str, error: OSError) -> Problem:
    return Problem(
        source=source,
        reason=f"the file cannot be read ({error.strerror})",
        cure="check its owner and its permissions",
    )


def _refused(source: str, error: ArticleError) -> Problem:
    return Problem(
        source=source, line=error.line, field=error.field, reason=error.reason, cure=error.cure
    )


def _with_standing(
    problems: Mapping[str, Sequence[Problem]], writer: Writer
) -> dict[str, list[Problem]]:
    """Say of each problem whether its article is in the feeds, as it is or as it was."""
    known = writer.known_articles(source for source, found in problems.items() if found)
    return {
        source: [
            Problem(
                source=one.source,
                line=one.line,
                field=one.field,
                reason=one.reason,
                cure=one.cure,
                published=source in known,
            )
            for one in found
        ]
        for source, found in problems.items()
    }


def _policies(config: Config) -> dict[str, str]:
    """Return digests of all that the index's contents depend on besides the files."""
    site, limits = config.site, config.feeds
    return {
        "articles": _digest(articles.POLICY, site.timezone.key),
        "memberships": _digest(feeds.POLICY, str(limits.auto_categories), repr(config.categories)),
        "view": _digest(
            content.POLICY,
            formats.POLICY,
            repr((site.id, site.title, site.description, site.base_url, site.language)),
            repr((limits.limit, limits.content, config.content)),
        ),
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    values = iter(values)
    while batch := list(islice(values, size)):
        yield batch
