"""The commands that keep what cannot be made again from the articles."""

from contextlib import closing
from pathlib import Path
from typing import TextIO

import click

from feedsvc.cli.common import config_option, load
from feedsvc.index import journal
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
