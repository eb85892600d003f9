"""Values for tests: valid by default; a test names only the fields that matter to it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from feedsvc.model import Article, Entry, Feed, Person, SafeHTML

WHEN = datetime(2022, 2, 23, 13, 6, 12, tzinfo=UTC)


def article(**named: Any) -> Article:
    return replace(
        Article(source="one.html", title="One", markup="html", body="<p>Body</p>"), **named
    )


def entry(**named: Any) -> Entry:
    return replace(
        Entry(
            id="urn:uuid:00000000-0000-5000-8000-000000000001",
            key="0123456789abcdef0123",
            title="One",
            link="https://feeds.example.org/articles/0123456789abcdef0123",
            published=WHEN,
            updated=WHEN,
            summary="Body",
            content=SafeHTML("<p>Body</p>"),
        ),
        **named,
    )


def feed(*entries: Entry, **named: Any) -> Feed:
    return replace(
        Feed(
            slug="news",
            id="urn:uuid:00000000-0000-5000-8000-00000000000f",
            title="News · Test",
            subtitle="What is new",
            link="https://feeds.example.org/feeds/news",
            author=Person(name="Test", uri="https://feeds.example.org/"),
            language="en",
            updated=max((entry.updated for entry in entries), default=WHEN),
            entries=entries,
        ),
        **named,
    )
