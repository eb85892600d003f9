r"""A fuzz target: for any bytes, `parse` returns an article fit for a feed or refuses them.

The first byte of an input chooses the file's kind, the rest is the file. Coverage-guided, with
atheris (`pip install atheris`, which is no dependency of the tests):

    python -m tests.fuzz.parse_article -max_total_time=600 -max_len=8192 \
        -dict=tests/fuzz/parse_article.dict NEW tests/fuzz/corpus

Inputs that reach new code are written to NEW, a folder of yours. An input that fails a check is
written to `crash-…` and ends the search. `-help=1` lists all options.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from lxml import etree

SUFFIXES = (".md", ".html", ".txt", "")
ZONE = ZoneInfo("Asia/Shanghai")
# Modules whose branches guide the search: ours, and the parsers that ours call.
GUIDES = ["feedsvc", "tomllib", "json", "email"]


def one_input(data: bytes) -> None:
    """Parse one file and check the article; ArticleError is a right answer too."""
    # Imported here, because atheris instruments only what is imported after it.
    from feedsvc.articles import parse
    from feedsvc.errors import ArticleError
    from feedsvc.model import Article

    def strings(article: Article) -> Iterator[str]:
        yield from (article.title, article.body, *article.terms)
        for person in article.authors:
            yield from (person.name, person.uri or "")
        for text in (article.lead_image, article.link, article.id, article.summary):
            yield text or ""
        yield article.language or ""

    source = "folder/name" + SUFFIXES[data[0] % len(SUFFIXES) if data else 0]
    try:
        article = parse(source, data[1:], zone_of=lambda *_: ZONE)
    except ArticleError as error:
        assert error.reason
        assert error.cure
        return
    assert article.title.strip(), "an article has a title"
    assert len(article.title.splitlines()) == 1, "a title is one line"
    for text in strings(article):
        etree.Element("judge").text = text  # raises ValueError for characters that XML cannot carry
        text.encode("utf-8")
    for moment in (article.published, article.updated):
        assert moment is None or _settled(moment), "a date is in UTC and whole seconds"
    for problem in article.problems:
        assert problem.reason
        assert problem.cure
        assert problem.source == source
        assert problem.line is None or problem.line >= 1


def _settled(moment: datetime) -> bool:
    return moment.tzinfo is UTC and moment.microsecond == 0


def main(arguments: list[str]) -> None:
    """Run libFuzzer with its own `arguments`: options, then folders of inputs."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is missing: pip install atheris")
    with atheris.instrument_imports(include=GUIDES):
        one_input(b"")
    atheris.Setup([str(Path(__file__)), *arguments], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
