"""The command that makes tokens for private feeds."""

import re

import click

# In a list of YAML other characters would mean something else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}")


@click.group()
def token() -> None:
    """Make a token for a private feed."""


@token.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new token, and the line for `access.tokens` of a category in config.yaml.

    NAME says whose token it is: to revoke the token, remove the line with its name. Nothing is
    written, and the token is shown only now.
    """
    from feedsvc import credentials  # noqa: PLC0415 - only this command needs it

    if not _NAME.fullmatch(name):
        raise click.UsageError(
            "a name has letters (A to Z), digits and . _ @ - alone, a letter or digit first"
        )
    secret = credentials.new_token()
    click.echo(f"The token, for the reader; it is shown only now:\n\n  {secret}\n")
    click.echo("The address of the feed ends with it: …/feeds/NAME.atom?token=…\n")
    click.echo("For `access` of the category in config.yaml:\n")
    click.echo(f"  tokens:\n    - {name} {credentials.hash_of(secret)}")
