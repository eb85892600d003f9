"""The commands that keep what cannot be made again from the articles."""

from contextlib import closing
from pathlib import Path
from typing import TextIO

import click

from feedsvc.cli.common import PATH, config_option, load
from feedsvc.index import journal
from feedsvc.index.backup import backup as copy_state, restore as restore_state
from feedsvc.serve import open_index


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
