"""The commands about the configuration itself."""

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors and programs."""
    from feedsvc.config.schema import FILE  # noqa: PLC0415 - only this command needs it

    click.echo(FILE.read_text("utf-8"), nl=False)
