"""The commands of `feedsvc`.

A command imports what it alone needs, so that `serve` starts its processes sooner.
"""

from typing import Any

import click

from feedsvc import __version__
from feedsvc.cli.access import token
from feedsvc.cli.articles import check, explain, refresh
from feedsvc.cli.common import CONFIG, PROBLEMS
from feedsvc.cli.configuration import init, schema
from feedsvc.cli.exporting import export
from feedsvc.cli.serving import serve, watch
from feedsvc.cli.state import backup, ledger, restore, withdraw
from feedsvc.cli.status import status
from feedsvc.errors import ConfigError, FeedsvcError

__all__ = ["main"]


class _Commands(click.Group):
    """Commands that report a FeedsvcError as text; any other exception is a bug."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(str(error), err=True)
            ctx.exit(CONFIG)
        except FeedsvcError as error:
            click.echo(f"feedsvc: {error}", err=True)
            ctx.exit(PROBLEMS)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="feedsvc")
def main() -> None:
    """Turn a directory of article files into Atom, RSS and JSON feeds."""


_COMMANDS = (
    *(init, serve, watch, refresh, export, check, status, explain, token, withdraw),
    *(schema, ledger, backup, restore),
)
for command in _COMMANDS:
    main.add_command(command)
