"""The commands that make tokens and passwords for private feeds."""

import re

import click

from feedsvc.config import PASSWORD, TOKEN

_SHORTEST_PASSWORD = 10


@click.group()
def token() -> None:
    """Make a token or the hash of a password for a private feed.

    Nothing is written: put the line that is printed into `access` of a category in config.yaml.
    """


@token.command()
@click.argument("name", default="reader")
def new(name: str) -> None:
    """Print a new token, once, and the line for `access.tokens`.

    NAME says whose token it is; to revoke the token, remove the line with its name.
    """
    from feedsvc import credentials  # noqa: PLC0415 - only this command needs it

    secret = credentials.new_token()
    line = f"{name} {credentials.hash_of_token(secret)}"
    _check(TOKEN, line, name)
    click.echo(f"The token, for the reader; it is shown only now:\n\n  {secret}\n")
    click.echo(f"The feed's address ends with it: …/feeds/SLUG.atom?token={secret}\n")
    click.echo(f"The line for `access` of the category in config.yaml:\n\n  tokens: [{line}]")


@token.command()
@click.argument("user")
def password(user: str) -> None:
    """Ask for a password, and print the line for `access.passwords`."""
    from feedsvc import credentials  # noqa: PLC0415 - only this command needs it

    secret = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if len(secret) < _SHORTEST_PASSWORD:
        raise click.UsageError(
            f"the password is too short: {_SHORTEST_PASSWORD} characters or more"
        )
    line = f"{user} {credentials.hash_of_password(secret)}"
    _check(PASSWORD, line, user)
    click.echo(f"The line for `access` of the category in config.yaml:\n\n  passwords: [{line}]")


def _check(pattern: re.Pattern[str], line: str, name: str) -> None:
    # In a list of YAML these characters would mean something else.
    if not pattern.fullmatch(line) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]*", name):
        raise click.UsageError(
            "a name has letters (A to Z), digits, and . _ @ - alone, a letter or digit first"
        )
