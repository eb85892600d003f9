"""The commands that keep what cannot be made again from the articles."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click

from feedsvc import feeds, xmltext
from feedsvc.cli.common import PATH, config_option, load
from feedsvc.index import journal
from feedsvc.index.backup import backup as copy_state, restore as restore_state
from feedsvc.model import Notice, Withdrawal
from feedsvc.serve import open_index, utc_now

_LONGEST_REASON = 1000


@click.group()
def ledger() -> None:
    """Back up the ids of all entries, or put them back."""


@ledger.command("export")
@config_option
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
def ledger_export(config_file: Path | None, file: TextIO) -> None:
    """Write the ledger to FILE, or to standard output, as lines of JSON."""
    with closing(open_index(load(config_file))) as index:
        file.writelines(f"{journal.line(identity)}\n" for identity in index.ledger.all())


@ledger.command("import")
@config_option
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
def ledger_import(config_file: Path | None, file: TextIO) -> None:
    """Take over the ids in FILE, or in standard input, as `ledger export` writes them.

    For an article that the ledger knows already, the id in FILE counts.
    """
    with closing(open_index(load(config_file))) as index:
        number = index.import_ledger(journal.parse_all(file))
    click.echo(f"{number} ids taken over")


@click.command()
@config_option
@click.argument("file", type=PATH)
def backup(config_file: Path | None, file: Path) -> None:
    """Copy the state to FILE, also while the service runs.

    The state has the ids of all entries. Keep the articles and the configuration too.
    """
    copy_state(load(config_file).state.url, file)
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


@click.command()
@config_option
@click.argument("file", type=PATH)
def restore(config_file: Path | None, file: Path) -> None:
    """Put FILE, a copy that `feedsvc backup` made, in the place of the state.

    Stop the service first. The state that is there is renamed, not deleted.
    """
    restored = restore_state(load(config_file).state.url, file)
    if restored.aside:
        click.echo(f"the state before is now called {restored.aside}")
    click.echo(f"restored: {restored.articles} articles, {restored.ids} ids")


@click.command()
@config_option
@click.argument("entry", metavar="ID")
@click.option("--reason", default="", help="What readers are told; anybody may read it.")
@click.option("--legal", is_flag=True, help="The law demands it: its page answers 451, not 410.")
@click.option(
    "--feed",
    "slugs",
    multiple=True,
    metavar="SLUG",
    help="A feed whose readers may have it, where feedsvc does not know that any more.",
)
@click.option("--undo", is_flag=True, help="Show the article again, if its file is still there.")
def withdraw(
    *,
    config_file: Path | None,
    entry: str,
    reason: str,
    legal: bool,
    slugs: tuple[str, ...],
    undo: bool,
) -> None:
    """Withdraw the article with an ID, also when its file is gone, and tell readers.

    ID is the entry's id, the address of its page, or its file's path inside the articles directory.
    The next pass takes it out of everything; feeds say so for `feeds.notice`.
    """
    config = load(config_file)
    with closing(open_index(config)) as index:
        named = index.ledger.named_by(entry)
        if not named:
            raise click.ClickException(
                f"the ledger knows no article {xmltext.shown(entry)};"
                " `feedsvc ledger export` lists all, with their files"
            )
        if len(named) > 1:
            ids = ", ".join(identity.id for identity in named)
            raise click.ClickException(f"several articles had this file: name one of {ids}")
        (known,) = named
        if undo and known.withdrawn is None:
            raise click.ClickException(f"{known.id} is not withdrawn")
        own = {feeds.ALL, *(category.slug for category in config.categories)}
        for slug in slugs:
            if slug not in own and index.feeds.state(slug) is None:
                raise click.ClickException(f"there is no feed {xmltext.shown(slug)}")
        now = utc_now().replace(microsecond=0)
        notice = Notice(reason=xmltext.line(reason, _LONGEST_REASON), legal=legal)
        withdrawn = None if undo else Withdrawal(notice=notice, at=now, feeds=slugs)
        if withdrawn and known.withdrawn and known.withdrawn.stage != "pending":
            # Readers have seen a notice; this one says something else.
            withdrawn = replace(known.withdrawn, notice=notice, source=None)
        updated = max(now, known.updated + timedelta(seconds=1))
        with index.writing() as writer:
            writer.write_withdrawal(replace(known, withdrawn=withdrawn, updated=updated))
            if undo:
                # The next pass finds out which feeds have had a notice, among all feeds.
                writer.forget_meta("view")
    what = "is shown again" if undo else "is withdrawn"
    click.echo(
        f"{known.id} ({xmltext.shown(known.source)}) {what} with the next pass: within"
        " articles.rescan where the service runs, else by `feedsvc refresh`"
    )
