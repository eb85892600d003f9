"""The index: its schema, its errors, and reading while another process writes."""

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from conftest import NOW
from sqlalchemy import TableClause, create_engine, inspect

from feedsvc.errors import StateError
from feedsvc.index import Content, Index, file_of, journal, journal_of, schema
from feedsvc.model import Identity


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_the_schema_steps_make_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    Index.open(url(tmp_path / "x.db")).close()
    engine = create_engine(url(tmp_path / "x.db"))
    made = inspect(engine)
    assert {
        name: {column["name"] for column in made.get_columns(name)}
        for name in made.get_table_names()
        if not name.startswith("search_")  # FTS5 keeps the table `search` in these
    } == {
        table.name: {column.name for column in table.columns}
        for table in vars(schema).values()
        if isinstance(table, TableClause)
    }
    engine.dispose()


def test_opening_a_database_again_keeps_its_rows(tmp_path: Path) -> None:
    for _ in range(2):
        index = Index.open(url(tmp_path / "deep" / "er" / "x.db"))
        with index.writing() as writer:
            writer.set_meta("a", "b")
        assert index.meta.get("a") == "b"
        index.close()


def test_many_threads_can_open_a_new_database_at_once(tmp_path: Path) -> None:
    number = 4

    def opened(new: Path) -> None:
        at_once.wait()
        Index.open(url(new), owner=True).close()

    at_once = threading.Barrier(number)
    with ThreadPoolExecutor(number) as pool:
        for n in range(40):
            new = tmp_path / f"{n}.db"
            for opening in [pool.submit(opened, new) for _ in range(number)]:
                opening.result()


def test_a_later_step_is_added_to_an_older_database(tmp_path: Path) -> None:
    Index.open(url(tmp_path / "x.db")).close()
    engine = create_engine(url(tmp_path / "x.db"))
    more = (*schema.STEPS, ("CREATE TABLE later (x TEXT)",))
    with engine.connect() as connection:
        schema.migrate(connection, more)
        schema.migrate(connection, more)
        assert "later" in inspect(connection).get_table_names()
    engine.dispose()
    with pytest.raises(StateError, match="newer feedsvc"):
        Index.open(url(tmp_path / "x.db"))


def test_the_state_before_withdrawals_is_taken_over(tmp_path: Path) -> None:
    engine = create_engine(url(tmp_path / "x.db"))
    before = next(n for n, step in enumerate(schema.STEPS) if "withdrawn" in str(step))
    with engine.connect() as connection:
        schema.migrate(connection, schema.STEPS[:before])
        connection.exec_driver_sql("INSERT INTO ledger VALUES ('urn:a','k','a.md','f','s',1,2,'l')")
        connection.commit()
    engine.dispose()
    with closing(Index.open(url(tmp_path / "x.db"))) as index:
        (row,) = index.ledger.all()
        assert (row.id, row.link, row.withdrawn) == ("urn:a", "l", None)
        assert index.ledger.withdrawals() == ()


def test_a_refresh_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    index = Index.open(url(tmp_path / "x.db"))
    with pytest.raises(ZeroDivisionError), index.writing() as writer:
        writer.set_meta("a", "b")
        raise ZeroDivisionError
    assert index.meta.get("a") is None
    index.close()


def test_while_a_refresh_writes_readers_go_on_and_no_content_is_kept(
    tmp_path: Path,
) -> None:
    kept = Content(version="v", policy="p", html="<p>h</p>", summary="s")
    index, other = (Index.open(url(tmp_path / "x.db")) for _ in range(2))
    with index.writing() as writer:
        writer.set_meta("a", "b")
        assert other.meta.get("a") is None
        other.contents.keep({"s": kept})
    assert other.meta.get("a") == "b"
    assert other.contents.read(["s"]) == {}
    other.contents.keep({"s": kept})
    assert index.contents.read(["s"]) == {"s": kept}
    index.close()
    other.close()


def test_a_state_that_is_no_database_any_more_is_set_aside_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Index.open(url(tmp_path / "x.db"), owner=True).close()
    (tmp_path / "x.ledger.jsonl").touch()
    for number in (1, 2):
        text = f"not a database at all, but long enough to look at ({number})"
        (tmp_path / "x.db").write_text(text)
        Index.open(url(tmp_path / "x.db"), owner=True).close()
        assert (tmp_path / f"x.db.damaged-{number}").read_text() == text
    assert "was damaged; it was set aside as x.db.damaged-1" in caplog.text


def test_the_file_of_another_program_is_never_taken_over(tmp_path: Path) -> None:
    notes, other = tmp_path / "notes.txt", tmp_path / "other.db"
    notes.write_text("not ours")
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE addresses (name)")
    for file in (notes, other):
        before = file.read_bytes(), file.stat().st_mtime_ns
        for owner in (True, False):
            with pytest.raises(StateError, match="is no database of feedsvc, and is left as it is"):
                Index.open(url(file), owner=owner)
        assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "other.db"]


def identity(name: str, **named: object) -> Identity:
    values: dict[str, object] = {
        "id": f"urn:{name}",
        "key": name,
        "source": f"{name}.md",
        "file_digest": "f",
        "seen_digest": "s",
        "first_seen": NOW,
        "updated": NOW,
    }
    return Identity(**{**values, **named})  # type: ignore[arg-type]


def write(index: Index, *identities: Identity) -> None:
    with index.writing() as writer:
        writer.write_identities(identities)


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_the_ledger_comes_back_from_its_journal(tmp_path: Path, loss: str) -> None:
    index = Index.open(url(tmp_path / "x.db"), owner=True)
    write(index, identity("a"), identity("b"))
    write(index, identity("a", source="renamed.md", link="https://x.example.org/p"))
    before = list(index.ledger.all())
    index.close()
    for file in tmp_path.glob("x.db*"):
        if loss == "damaged":
            file.write_bytes(b"\0" * 20_000)
        else:
            file.unlink()
    index = Index.open(url(tmp_path / "x.db"), owner=True)
    assert list(index.ledger.all()) == before
    assert [row.source for row in before] == ["renamed.md", "b.md"]
    index.close()


def test_damage_inside_the_database_is_found_after_a_crash(
    tmp_path: Path,
) -> None:
    index = Index.open(url(tmp_path / "x.db"), owner=True)
    write(index, *(identity(f"n{number}") for number in range(500)))
    Index.open(url(tmp_path / "x.db")).close()
    # As after a kill: the mark of the owner stays, and no process holds it.
    index.database._engine.dispose()
    assert index.database._mark is not None
    assert index.database._mark._descriptor is not None
    os.close(index.database._mark._descriptor)
    data = bytearray((tmp_path / "x.db").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8192] = b"\xaa" * 8192
    (tmp_path / "x.db").write_bytes(data)
    again = Index.open(url(tmp_path / "x.db"), owner=True)
    assert (tmp_path / "x.db.damaged-1").exists()
    assert len(list(again.ledger.all())) == 500
    again.close()


def test_a_journal_line_torn_by_a_crash_costs_no_other_line(tmp_path: Path) -> None:
    kept = journal.Journal(tmp_path / "x.jsonl")
    kept.append([identity("a"), identity("b")])
    torn = (tmp_path / "x.jsonl").read_bytes()[:-30]
    (tmp_path / "x.jsonl").write_bytes(torn)
    kept.append([identity("c")])
    assert sorted(kept.read()) == ["urn:a", "urn:c"]


def test_a_journal_that_is_missing_or_much_too_long_is_written_anew(tmp_path: Path) -> None:
    index = Index.open(url(tmp_path / "x.db"), owner=True)
    write(index, identity("a"))
    index.close()
    file = journal_of(tmp_path / "x.db")
    line = file.read_text()
    for text in (None, line * 2000):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        Index.open(url(tmp_path / "x.db"), owner=True).close()
        assert file.read_text() == line


def test_a_database_that_another_process_replaced_is_opened_again(tmp_path: Path) -> None:
    reader, owner = (Index.open(url(tmp_path / "x.db")) for _ in range(2))
    write(owner, identity("a"))
    assert len(list(reader.ledger.all())) == 1
    owner.repair()
    with owner.writing() as writer:
        writer.set_meta("new", "yes")
    assert reader.meta.get("new") == "yes"
    reader.close()
    owner.close()


def test_the_edition_differs_after_another_database_has_replaced_this_one(tmp_path: Path) -> None:
    for name in ("x.db", "other.db"):
        with (
            closing(Index.open(url(tmp_path / name))) as index,
            index.database.transaction() as connection,
        ):
            schema.move_edition(connection)
    index = Index.open(url(tmp_path / "x.db"))
    before = index.meta.edition()
    (tmp_path / "other.db").replace(tmp_path / "x.db")
    assert index.meta.edition() != before
    index.close()


def test_imported_identities_replace_known_ones_of_the_same_file(tmp_path: Path) -> None:
    index = Index.open(url(tmp_path / "x.db"))
    write(index, identity("new", source="a.md"), identity("other"))
    index.import_ledger([identity("old", source="a.md")])
    assert {row.id: row.source for row in index.ledger.all()} == {
        "urn:old": "a.md",
        "urn:other": "other.md",
    }
    index.close()


def test_opening_a_current_database_writes_nothing(tmp_path: Path) -> None:
    index = Index.open(url(tmp_path / "x.db"))
    with index.writing():
        Index.open(url(tmp_path / "x.db")).close()
    index.close()


def test_an_error_does_not_show_the_password_of_the_database() -> None:
    with pytest.raises(StateError) as caught:
        Index.open("nosuch://me:secret@127.0.0.1/x")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="unable to open database file"):
        Index.open(url(tmp_path / "file" / "x.db"))


def test_no_schema_step_deletes_from_the_ledger() -> None:
    for step in schema.STEPS:
        for statement in step:
            assert not ("ledger" in statement and ("DROP" in statement or "DELETE" in statement))


def test_only_a_sqlite_url_with_a_file_has_a_database_file() -> None:
    assert file_of("sqlite:////a/b.db") == Path("/a/b.db")
    assert file_of("sqlite:///:memory:") is None
    assert file_of("postgresql://h/x") is None


def test_the_database_is_in_wal_mode(tmp_path: Path) -> None:
    Index.open(url(tmp_path / "x.db")).close()
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
