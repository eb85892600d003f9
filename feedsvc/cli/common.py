"""What all commands share: the option for the configuration, and how errors are reported."""

import os
from pathlib import Path

import click

from feedsvc import config as configuration
from feedsvc.config import Config

PROBLEMS, CONFIG = 1, 2
"""Exit codes: articles or the state have problems; the configuration has."""

PATH = click.Path(path_type=Path)

config_option = click.option(
    "--config",
    "config_file",
    type=PATH,
    help="The configuration. Else $FEEDSVC_CONFIG, ./config.yaml, or the defaults.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")


def load(file: Path | None) -> Config:
    """Return the configuration in a file, or in the usual place. Raises ConfigError."""
    return configuration.find(file, os.environ)
