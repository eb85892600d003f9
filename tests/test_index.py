"""The index: its schema, its errors, what one process may do while another writes."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from feedsvc.errors import StateError
from feedsvc.index import Index, file_of, schema


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_the_steps_make_the_tables_that_the_code_asks_for(tmp_path: Path) -> None:
    Index.open(url(tmp_path / "x.db")).close()
    engine = create_engine(url(tmp_path / "x.db"))
    made = inspect(engine)
    assert {
        name: {column["name"] for column in made.get_columns(name)}
        for name in made.get_table_names()
    } == {
        name: {column.name for column in table.columns}
        for name, table in schema.metadata.tables.items()
    }
    engine.dispose()


def test_opening_again_changes_nothing_and_keeps_what_is_known(tmp_path: Path) -> None:
    for _ in range(2):
        index = Index.open(url(tmp_path / "deep" / "er" / "x.db"))
        with index.writing() as writer:
            writer.set_meta("a", "b")
        assert index.meta("a") == "b"
        index.close()


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


def test_a_refresh_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    index = Index.open(url(tmp_path / "x.db"))
    with pytest.raises(ZeroDivisionError), index.writing() as writer:
        writer.set_meta("a", "b")
        raise ZeroDivisionError
    assert index.meta("a") is None
    index.close()


def test_readers_go_on_and_keeping_content_gives_way_while_a_refresh_writes(
    tmp_path: Path,
) -> None:
    index, other = (Index.open(url(tmp_path / "x.db")) for _ in range(2))
    with index.writing() as writer:
        writer.set_meta("a", "b")
        assert other.meta("a") is None
        other.keep_contents({"s": ("d", "h", "t")})
    assert other.meta("a") == "b"
    assert other.contents(["s"]) == {}
    other.keep_contents({"s": ("d", "h", "t")})
    assert index.contents(["s"]) == {"s": ("d", "h", "t")}
    index.close()
    other.close()


def test_what_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database at all, but long enough to look at")
    with pytest.raises(StateError, match=r"x\.db cannot be used: file is not a database"):
        Index.open(url(tmp_path / "x.db"))


def test_a_password_never_shows() -> None:
    with pytest.raises(StateError) as caught:
        Index.open("nosuch://me:secret@127.0.0.1/x")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="unable to open database file"):
        Index.open(url(tmp_path / "file" / "x.db"))


def test_the_ledger_is_never_in_a_step_that_drops() -> None:
    for step in schema.STEPS:
        for statement in step:
            assert not ("ledger" in statement and ("DROP" in statement or "DELETE" in statement))


def test_the_file_of_a_database_is_known_where_it_has_one() -> None:
    assert file_of("sqlite:////a/b.db") == Path("/a/b.db")
    assert file_of("sqlite:///:memory:") is None
    assert file_of("postgresql://h/x") is None


def test_the_database_is_in_wal_mode(tmp_path: Path) -> None:
    Index.open(url(tmp_path / "x.db")).close()
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
