"""The commands about the configuration itself."""

from pathlib import Path

import click

from feedsvc.cli.common import PATH
from feedsvc.errors import ConfigError, Mistake

_FILE = Path("config.yaml")


@click.command()
@click.argument("directory", metavar="[DIR]", type=PATH, default=".")
def init(directory: Path) -> None:
    """Write ./config.yaml, with comments, from what the articles in DIR say.

    DIR is the current folder by default. A config.yaml that is there is never overwritten.
    """
    from feedsvc.diagnosis import proposal  # noqa: PLC0415 - only this command needs it

    if not directory.is_dir():
        raise _refused(str(directory), "there is no such directory; name the one of your articles")
    findings = proposal.survey(directory)
    text = proposal.propose(findings, str(directory), proposal.local_zone())
    try:
        with _FILE.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise _refused(str(_FILE), "it is there already, and stays as it is") from error
    except OSError as error:
        raise _refused(str(_FILE), f"cannot be written: {error.strerror}") from error
    click.echo(f"{_FILE} is written, from {findings.read} of {findings.files} articles. Next:")
    click.echo("  feedsvc check   # what is wrong with articles")
    click.echo("  feedsvc serve   # the feeds, at http://127.0.0.1:8080")


def _refused(where: str, reason: str) -> ConfigError:
    return ConfigError((Mistake(where=where, path="", reason=reason),))


@click.command()
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors and programs."""
    from feedsvc.config.schema import FILE  # noqa: PLC0415 - only this command needs it

    click.echo(FILE.read_text("utf-8"), nl=False)
