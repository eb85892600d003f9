"""Whatever happens to the files and the state, no article is lost, doubled or given another id.

Hypothesis makes up histories: files are written, renamed, copied, edited, touched, deleted, put
back, broken and mended; refreshes crash, the service restarts, its database is lost or damaged.
After each refresh the feeds must show what a small model expects. The model knows each change of
the files and follows each story through it; it looks at ids only to see that they stay.

Two things are left out because their result is not defined: changing an article without an id and a
link while it moves, between the same two refreshes; and changing the canonical file of such an
article while there are copies of it.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, product
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import pytest
from conftest import Clock, Tree
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lxml import etree
from sites import Site

from feedsvc import config as configuration, reading
from feedsvc.errors import NotFoundError, NotReadyError
from feedsvc.index import Index, Writer
from feedsvc.index.feeds import FeedWriter
from feedsvc.index.journal import Journal
from feedsvc.refresh import stages

TERMS = ("news", "life", "新闻")
ATOM_ID = "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id"
PICK = st.integers(0, 999)
FOLDER = st.sampled_from(["", "a", "m/", "z z/", "新/"])
Known = Literal["guid", "link"] | None
FIELDS = {
    "known_by": st.sampled_from([None, None, "guid", "link"]),
    "dated": st.booleans(),
    "terms": st.lists(st.sampled_from(TERMS), max_size=2, unique=True).map(tuple),
}


@dataclass(frozen=True, kw_only=True)
class Text:
    """The text of a file; `known_by` is the field, if any, that tells which article it is."""

    number: int
    version: int = 0
    known_by: Known = None
    dated: bool = False
    terms: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"Story {self.number}, version {self.version}"

    def __str__(self) -> str:
        fields = [f"title: {self.title}", f"tags: [{', '.join(self.terms)}]"]
        if self.known_by == "guid":
            fields.append(f"guid: urn:x-test:{self.number}")
        if self.known_by == "link":
            fields.append(f"link: https://example.org/x/{self.number}")
        if self.dated:
            fields.append(f"date: 2022-01-{self.number % 28 + 1:02} 12:00")
        return "\n".join(["---", *fields, "---", f"What story {self.number} tells."])


TEMPLATE = Text(number=0)
"""The text that an editor puts into each new file, always under the same name."""


@dataclass(eq=False, kw_only=True)
class Story:
    """One article: its `text` as last published, its `canonical` file, and the changes since."""

    known_by: Known
    id: str | None = None
    text: Text | None = None
    canonical: str | None = None
    edited: bool = False
    moved: bool = False

    def can_move(self) -> bool:
        return bool(self.known_by) or not self.edited


@dataclass(kw_only=True)
class File:
    """One file: its text (before it was broken, if it is), and its last good version."""

    story: Story
    text: Text
    broken: bool = False
    good: Text | None = None
    changed: bool = True


class Crash(BaseException):
    """The process died here."""


@dataclass
class Model:
    """The articles that should be published."""

    files: dict[str, File] = field(default_factory=dict)
    stories: list[Story] = field(default_factory=list)

    def refresh(self, *, lost: bool, order: Callable[[str, File], Any]) -> None:
        """Note what a pass publishes, which meets files in this order."""
        met = {source: order(source, file) for source, file in self.files.items()}
        for file in self.files.values():
            file.changed |= lost
            if not file.broken and file.changed:
                file.good = file.text
            elif lost:
                file.good = None
        for story in self.stories:
            # The next canonical file: one that this pass read comes first, a broken one last.
            candidates = {
                source: (file.broken, not file.changed, met[source], source)
                for source, file in self.files.items()
                if file.story is story and file.good is not None
            }
            if candidates and story.canonical not in candidates:
                story.canonical = min(candidates, key=candidates.__getitem__)
            if story.canonical in candidates:
                story.text = self.files[story.canonical].good
            story.edited = story.moved = False
        for file in self.files.values():
            file.changed = False

    def published(self) -> list[Story]:
        alive = {id(f.story) for f in self.files.values() if f.good is not None}
        return [story for story in self.stories if id(story) in alive]


def happening(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a rule of a change of files, after which there may or may not be a refresh."""

    def decorate(method: Callable[..., None]) -> Any:
        def happen(self: "History", seen: bool, **given: Any) -> None:
            method(self, **given)
            if seen:
                self.refresh()

        happen.__name__ = method.__name__
        made: Any = rule(seen=st.booleans(), **drawn)
        return made(happen)

    return decorate


class History(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.clock = Clock()
        self.tree = Tree(root / "articles", self.clock)
        mapping = {
            "site": {"title": "Test", "base_url": "https://feeds.example.org"},
            "state": {"url": "sqlite:///state/index.db"},
            "articles": {"directory": str(self.tree.root), "settle": "0s"},
        }
        self.config = configuration.parse(mapping, folder=root)
        self.database = root / "state" / "index.db"
        self.model = Model()
        self.numbers = count(1)
        self.deleted: dict[str, File] = {}
        self.left: dict[str, Story] = {}  # the old names of renamed files
        self.template: str | None = None  # the name under which it was written
        self.free: list[str] = []  # old names whose story is published under another name
        self.lost = True
        self.damaged = 0
        self.deleted_since = False
        self.items: list[dict[str, Any]] | None = None
        self.passes = 0
        self.seen: dict[str, dict[str, Any]] = {}
        self.open()

    def teardown(self) -> None:
        self.site.close()
        self.folder.cleanup()

    def open(self) -> None:
        index = Index.open(self.config.state.url, owner=True)
        self.site = Site(self.config, index, self.clock)

    # Changes of files. Each takes a second, so that each changes the time of its file.

    def order(self, source: str, file: File) -> Any:
        """Return a key that sorts changed files as a pass meets them."""
        return source

    def put(self, source: str, text: Text | str) -> None:
        self.clock.advance(seconds=1)
        self.tree.write(source, str(text))

    def pick(self, pick: int, of: Callable[[str, File], bool]) -> str | None:
        sources = [source for source, file in sorted(self.model.files.items()) if of(source, file)]
        return sources[pick % len(sources)] if sources else None

    def new_name(self, folder: str) -> str:
        return f"{folder}{next(self.numbers)}.md"

    @initialize(first=st.fixed_dictionaries(FIELDS), second=st.fixed_dictionaries(FIELDS))
    def begin_with_two(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        for fields in (first, second):
            self.begin(self.new_name("m"), Text(number=next(self.numbers), **fields))
        self.refresh()

    @precondition(lambda self: len(self.model.files) < 8)
    @happening(folder=FOLDER, again=st.booleans(), **FIELDS)
    def write(self, folder: str, again: bool, **fields: Any) -> None:
        """Write a new article, under a new name or the old name of another file."""
        name = self.free.pop() if again and self.free else self.new_name(folder)
        self.begin(name, Text(number=next(self.numbers), **fields))

    @happening()
    def write_from_the_template(self) -> None:
        """Write a new article that begins with the same text and name as others did."""
        name = self.template or self.new_name("")
        self.template = None
        self.begin(name, TEMPLATE)
        self.refresh()
        self.edit_one(name)
        self.refresh()
        self.rename_one(name, self.new_name(""))
        self.refresh()
        if name in self.free:
            self.free.remove(name)
            self.template = name

    def begin(self, name: str, text: Text) -> None:
        story = Story(known_by=text.known_by)
        self.model.stories.append(story)
        self.model.files[name] = File(story=story, text=text)
        self.put(name, text)

    @happening(pick=PICK, folder=FOLDER)
    def rename(self, pick: int, folder: str) -> None:
        if old := self.pick(pick, lambda _, file: file.story.can_move() and not file.broken):
            self.rename_one(old, self.new_name(folder))

    def rename_one(self, old: str, new: str) -> None:
        file = self.model.files.pop(old)
        file.story.moved = True
        # The story that was published under the old name keeps it.
        stories = [story for story in self.model.stories if story.canonical == old]
        self.left[old] = stories[-1] if stories else file.story
        self.model.files[new] = replace(file, good=None, changed=True)
        self.tree.rename(old, new)

    @happening(number=st.integers(2, 4), folder=FOLDER)
    def rotate(self, number: int, folder: str) -> None:
        """Let each of these files take the name of the next; one may move to a folder too."""
        files = self.model.files
        tellers = [file.story for file in files.values()]
        names = [
            name
            for name, file in sorted(files.items())
            if file.story.can_move() and not file.broken and tellers.count(file.story) == 1
        ][:number]
        if len(names) < 2:
            return
        rotated = [files.pop(name) for name in names]
        for name in names:
            self.tree.rename(name, f"{name}.aside")
        for old, new, file in zip(names, [*names[1:], names[0]], rotated, strict=True):
            file.story.moved = True
            files[new] = replace(file, good=None, changed=True)
            self.tree.rename(f"{old}.aside", new)
        if folder and names[0] not in self.free:
            self.rename_one(names[1], self.new_name(folder))

    @happening(pick=PICK, folder=FOLDER)
    def copy(self, pick: int, folder: str) -> None:
        if old := self.pick(pick, self.can_be_copied):
            new = self.new_name(folder)
            file = self.model.files[old]
            file.story.moved = True
            self.model.files[new] = replace(file, good=None, changed=True)
            self.put(new, file.text)

    def can_be_copied(self, _source: str, file: File) -> bool:
        return file.story.can_move() and not file.broken

    @happening(pick=PICK)
    def edit(self, pick: int) -> None:
        if source := self.pick(pick, self.can_be_edited):
            self.edit_one(source)

    def can_be_edited(self, source: str, file: File) -> bool:
        story = file.story
        copies = sum(other.story is story for other in self.model.files.values()) - 1
        certain = not story.moved and (not copies or story.canonical not in {None, source})
        return not file.broken and (bool(story.known_by) or certain)

    def edit_one(self, source: str) -> None:
        file = self.model.files[source]
        if not file.story.known_by and file.story.canonical in self.model.files.keys() - {source}:
            # A copy that is changed is an article of its own from now on.
            file.story = Story(known_by=None)
            self.model.stories.append(file.story)
        file.story.edited = True
        file.text = replace(file.text, version=next(self.numbers))
        file.changed = True
        self.put(source, file.text)

    @happening(pick=PICK)
    def touch(self, pick: int) -> None:
        if source := self.pick(pick, lambda *_: True):
            self.clock.advance(seconds=1)
            self.tree.touch(source)
            self.model.files[source].changed = True

    @happening(pick=PICK)
    def delete(self, pick: int) -> None:
        source = self.pick(pick, lambda _, file: file.story.can_move())
        if source is None:
            return
        self.tree.remove(source)
        file = self.deleted[source] = self.model.files.pop(source)
        file.story.moved = self.deleted_since = True

    @precondition(lambda self: self.deleted)
    @happening(pick=PICK)
    def put_back(self, pick: int) -> None:
        sources = sorted(
            source
            for source, file in self.deleted.items()
            if file.story.known_by or (file.text == file.story.text and not file.story.edited)
        )
        if not sources:
            return
        source = sources[pick % len(sources)]
        file = self.deleted.pop(source)
        file.story.moved = True
        self.model.files[source] = File(story=file.story, text=file.text)
        self.put(source, file.text)

    @happening(pick=PICK)
    def break_one(self, pick: int) -> None:
        source = self.pick(pick, lambda _, file: not file.broken and not file.changed)
        if source is None:
            return
        file = self.model.files[source]
        file.broken = file.changed = True
        self.put(source, str(file.text).rpartition("---")[0])

    @happening(pick=PICK)
    def mend(self, pick: int) -> None:
        source = self.pick(pick, lambda _, file: file.broken)
        if source is None:
            return
        file = self.model.files[source]
        file.broken, file.changed = False, True
        self.put(source, file.text)

    @rule(hours=st.sampled_from([1, 100]))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours=hours)

    # Changes of the service.

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        self.site.close()
        if killed:
            self.database.with_name("index.db.open").touch()
        self.open()

    @happening(how=st.sampled_from(["deleted", "junk", "half junk"]))
    def lose_the_database(self, how: str) -> None:
        self.site.close()
        if how == "deleted":
            for suffix in ("", "-wal", "-shm"):
                self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        else:
            begin = self.database.read_bytes()[:4096] if how == "half junk" else b""
            self.database.write_bytes(begin + b"junk" * 8192)
            self.database.with_name("index.db.open").touch()
        self.lost = True
        self.open()
        aside = len(list(self.database.parent.glob("index.db.damaged-*")))
        self.damaged += how != "deleted"
        assert aside == self.damaged, "a damaged database is set aside"

    @rule(where=st.sampled_from(["problems", "feeds", "journal"]))
    def crash_inside_a_refresh(self, where: str) -> None:
        append = Journal.append

        def crash(*_: object) -> None:
            raise Crash

        def append_and_crash(journal: Journal, identities: Iterable[Any]) -> None:
            append(journal, identities)
            raise Crash

        with pytest.MonkeyPatch.context() as patch:
            if where == "journal":
                patch.setattr(Journal, "append", append_and_crash)
            elif where == "feeds":
                patch.setattr(FeedWriter, "settle", crash)
            else:
                patch.setattr(Writer, "write_problems", crash)
            try:
                self.site.refresh()
                self.tree.event_paths.clear()
            except Crash:
                assert self.published() == (None if self.lost else self.items)
                return
        self.check()

    # Checks.

    @rule()
    def refresh(self) -> None:
        """Make a pass; every second one only over the changed paths, as after a file event."""
        self.passes += 1
        paths = self.tree.event_paths if self.passes % 2 else None
        report = self.site.refresh(paths=paths)
        self.tree.event_paths.clear()
        self.check()
        assert self.site.index.articles.count() == len(self.items or [])
        assert report.articles in {None, len(self.items or [])}

    def published(self, slug: str = "all") -> list[dict[str, Any]] | None:
        try:
            return list(json.loads(self.site.document(f"/feeds/{slug}.json").body)["items"])
        except NotFoundError:
            return []
        except NotReadyError:
            return None

    def check(self) -> None:
        """Compare the feeds with the model, after a refresh."""
        changed = self.deleted_since or any(file.changed for file in self.model.files.values())
        unread = self.lost and any(file.broken for file in self.model.files.values())
        self.model.refresh(lost=self.lost, order=self.order)
        self.lost = False
        self.free += [
            source for source, story in self.left.items() if story.canonical in self.model.files
        ]
        self.left = {s: story for s, story in self.left.items() if s not in self.free}
        items = self.published()
        assert items is not None
        stories = self.model.published()
        by_title = {item["title"]: item for item in items}
        assert sorted(by_title) == sorted(story.text.title for story in stories if story.text)
        ids = [item["id"] for item in items]
        assert len(ids) == len(set(ids)) == len(by_title)
        for story in stories:
            assert story.text
            id = by_title[story.text.title]["id"]
            assert story.id in {None, id}, f"{story.text.title} had another id"
            assert all(other is story or other.id != id for other in self.model.stories)
            story.id = id
        self.check_formats(ids)
        self.check_terms(stories)
        for item in items:
            self.check_dates(item)
        if not changed and not unread and self.items is not None:
            assert items == self.items
        self.items, self.deleted_since = items, False

    def check_formats(self, ids: list[str]) -> None:
        atom = etree.fromstring(self.site.document("/feeds/all.atom").body)
        rss = etree.fromstring(self.site.document("/feeds/all.rss").body)
        assert [element.text for element in atom.iterfind(ATOM_ID)] == ids
        assert [element.text for element in rss.iterfind("channel/item/guid")] == ids

    def check_terms(self, stories: list[Story]) -> None:
        for term in TERMS:
            titles = sorted(item["title"] for item in self.published(term) or [])
            assert titles == sorted(
                s.text.title for s in stories if s.text and term in s.text.terms
            )

    def check_dates(self, item: dict[str, Any]) -> None:
        """Check that `updated` moves forward exactly when another field changes."""
        before = self.seen.get(item["id"])
        if before is not None:
            assert item["date_published"] == before["date_published"]
            if item == before | {"date_modified": item["date_modified"]}:
                assert item["date_modified"] == before["date_modified"]
            else:
                assert item["date_modified"] > before["date_modified"]
        self.seen[item["id"]] = item


History.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    # Each step is a pass over files and a database.
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistory = History.TestCase


class InStages(History):
    """The same with stages of one article each."""

    def __init__(self) -> None:
        self.small = ExitStack()
        for module, name, size in (
            (stages, "STAGE", 1), (stages, "FIRST_STAGE", 1),
            (reading, "PART", 1), (stages, "PART", 1),
        ):  # fmt: skip
            self.small.enter_context(mock.patch.object(module, name, size))
        super().__init__()

    def teardown(self) -> None:
        super().teardown()
        self.small.close()

    def order(self, source: str, file: File) -> Any:
        # New names first; the newest date or, where a pass may not look for one, time of writing.
        by_date = self.lost and file.text.dated
        written = (self.tree.root / source).stat().st_mtime_ns
        return file.good is not None and not self.lost, 0 if by_date else -written

    def can_be_copied(self, source: str, file: File) -> bool:
        # Of a new file and its copy, a pass meets the newer one first.
        return super().can_be_copied(source, file) and file.story.canonical is not None


TestInStages = InStages.TestCase
# Each file is a transaction here, and a pass of its own.
TestInStages.settings = settings(TestHistory.settings, max_examples=8)


# Histories that Hypothesis would hardly ever make up.


@contextmanager
def begin_history(machine: type[History] = History, **fields: Any) -> Iterator[History]:
    """Begin a history with a single story in the file `z.md`."""
    begun = machine()
    try:
        begun.begin("z.md", Text(number=next(begun.numbers), **fields))
        begun.refresh()
        yield begun
    finally:
        begun.teardown()


def test_files_made_from_one_template_are_articles_of_their_own() -> None:
    with begin_history() as history:
        for _ in range(3):
            history.write_from_the_template(seen=True)


def test_a_copy_that_can_be_read_takes_over_before_one_that_cannot() -> None:
    with begin_history() as history:
        history.copy(pick=0, folder="a", seen=False)
        history.copy(pick=0, folder="m/", seen=True)
        history.break_one(pick=0, seen=True)
        history.delete(pick=2, seen=True)


def test_a_copy_that_cannot_be_read_any_more_takes_over_with_its_last_good_version() -> None:
    with begin_history() as history:
        history.copy(pick=0, folder="a", seen=True)
        history.break_one(pick=0, seen=True)
        history.delete(pick=1, seen=True)


@pytest.mark.parametrize("known_by", ["guid", "link"])
def test_the_canonical_file_stays_so_when_the_database_was_lost(
    known_by: Known,
) -> None:
    with begin_history(known_by=known_by) as history:
        history.copy(pick=0, folder="a", seen=True)
        history.edit(pick=0, seen=True)
        history.lose_the_database(how="deleted", seen=True)


@pytest.mark.parametrize("machine", [History, InStages])
@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize(("edited", "broken", "deleted"), list(product((0, 1), repeat=3)))
def test_an_edited_copy_takes_over_with_its_own_text(
    machine: type[History], moves: bool, edited: int, broken: int, deleted: int
) -> None:
    with begin_history(machine, known_by="link") as history:
        if moves:
            history.rename(pick=0, folder="a", seen=False)
        history.copy(pick=0, folder="", seen=False)
        history.refresh()
        history.edit(pick=edited, seen=True)
        history.break_one(pick=broken, seen=False)
        history.refresh()
        history.delete(pick=deleted, seen=True)


@pytest.mark.parametrize("machine", [History, InStages])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_ids_stay_with_their_articles_when_a_new_file_joins_a_rotation_of_names(
    machine: type[History], number: int
) -> None:
    with begin_history(machine) as history:
        for name in ("x.md", "a.md")[: number - 2]:
            history.begin(name, Text(number=next(history.numbers)))
        history.refresh()
        history.begin("y.md", Text(number=next(history.numbers)))
        history.rotate(number=number, folder="", seen=True)


@pytest.mark.parametrize("machine", [History, InStages])
def test_ids_stay_when_names_rotate_while_the_database_is_lost(
    machine: type[History],
) -> None:
    with begin_history(machine) as history:
        history.begin("a.md", Text(number=next(history.numbers)))
        history.refresh()
        history.begin("y.md", Text(number=next(history.numbers)))
        history.rotate(number=3, folder="", seen=False)
        history.lose_the_database(how="deleted", seen=True)
