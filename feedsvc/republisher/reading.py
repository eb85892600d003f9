"""One article file to an `Article`, or to the problem that it is; or all of them, to check."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from feedsvc import articles, feeds, identity, xmltext
from feedsvc.config import Config
from feedsvc.errors import ArticleError
from feedsvc.model import Problem, Signature
from feedsvc.scan import Directory

Outcome = tuple[identity.Found | None, list[Problem], bool]
"""What was read, None where it could not be; the problems; whether to try again unchanged."""


class Reading:
    """Reads the articles of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        of = config.articles
        self.directory = Directory(of.directory, of.include, of.links)

    def zone_of(self, title: str, terms: tuple[str, ...]) -> tzinfo:
        """Return the zone of an article's dates that name none: its category's, or the site's."""
        for category in self._config.categories:
            if category.timezone and feeds.matches(category, title, terms):
                return category.timezone
        return self._config.site.timezone

    def read(self, source: str, signature: Signature) -> Outcome | None:
        """Read one article; None when it has gone since the scan."""
        most = self._config.articles.max_bytes
        if signature.size > most:
            reason = f"the file is longer than articles.max_bytes ({signature.size} > {most})"
            cure = "shorten it, or raise articles.max_bytes"
            return None, [Problem(source=source, reason=reason, cure=cure)], False
        try:
            data = self.directory.read(source)
            article = articles.parse(source, data, zone_of=self.zone_of)
        except FileNotFoundError:
            return None
        except OSError as error:
            return None, [_unreadable(source, error)], True
        except ArticleError as error:
            return None, [_refused(source, error)], False
        found = identity.Found(
            article=article,
            file_digest=hashlib.sha256(data).hexdigest()[:32],
            seen_digest=identity.seen_digest(article),
            mtime=datetime.fromtimestamp(max(0, signature.mtime_ns // 10**9), tz=UTC),
        )
        return found, list(article.problems), False


def check(
    config: Config, progress: Callable[[int, int], None] | None = None
) -> tuple[Problem, ...]:
    """Read every article and return what is wrong, worst first; nothing is written anywhere."""
    reading = Reading(config)
    scan = reading.directory.scan()
    problems = [unlisted(folder, reason) for folder, reason in scan.unreadable]
    for done, (source, signature) in enumerate(scan.signatures.items(), start=1):
        outcome = reading.read(source, signature)
        problems += outcome[1] if outcome else []
        if progress:
            progress(done, len(scan.signatures))
    return tuple(sorted(problems, key=lambda one: (one.published, one.source, one.line or 0)))


def unlisted(folder: str, reason: str) -> Problem:
    """Return the problem of a folder that cannot be listed."""
    return Problem(
        source=folder,
        reason=f"the folder cannot be listed ({reason}); what was published of it stays",
        cure="check its owner, its permissions and its disk",
    )


def digest(*parts: str) -> str:
    """Return a short digest of some texts, for telling whether any has changed."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _unreadable(source: str, error: OSError) -> Problem:
    return Problem(
        source=source,
        reason=f"the file cannot be read ({error.strerror})",
        cure="check its owner and its permissions",
    )


def _refused(source: str, error: ArticleError) -> Problem:
    return Problem(
        source=source,
        line=error.line,
        field=error.field,
        reason=xmltext.line(error.reason, 500),
        cure=error.cure,
    )
