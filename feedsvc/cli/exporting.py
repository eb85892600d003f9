"""The command that writes what the service serves as files."""

import signal
import time
from contextlib import closing
from pathlib import Path

import click

from feedsvc.cli.common import PROBLEMS, config_option, load
from feedsvc.cli.serving import with_log_options
from feedsvc.errors import ExportError
from feedsvc.progressbar import progress_bar
from feedsvc.serve import Log, log_to_stderr, open_index, utc_now, with_base_url

_LOOK_SECONDS = 0.25


@click.command()
@config_option
@click.option("--watch", is_flag=True, help="Go on after each change of the feeds, until stopped.")
@click.argument("target", required=False)
@with_log_options
def export(config_file: Path | None, watch: bool, target: str | None, log: Log) -> None:
    """Write feeds and pages to TARGET, for a host of files.

    TARGET is a folder, or the address of an object store: s3://bucket/prefix, gs://…, az://…; by
    default it is export.to. Every file is compared with what the service serves, and only those
    that differ are written.
    """
    from feedsvc.export import Exporter, target_at  # noqa: PLC0415 - it imports the web
    from feedsvc.export.following import SETTLE_SECONDS, Follower  # noqa: PLC0415 - see above
    from feedsvc.export.purge import purge  # noqa: PLC0415 - see above

    config = load(config_file)
    where = target or config.export.to
    if where is None:
        raise ExportError("name a folder or an object store, or set export.to")
    with closing(open_index(config)) as index:
        config = with_base_url(config, index)
        if not config.site.has_base_url:
            click.echo(
                "feedsvc: site.base_url is left out: links in the files begin with"
                f" {config.site.base_url}; set it to the address of the files",
                err=True,
            )
        with closing(Exporter(config, index, utc_now, target_at(where, config))) as exporter:
            with progress_bar() as progress:
                report = exporter.export(progress, complete=True)
            if report.again:
                time.sleep(SETTLE_SECONDS)
                report.written += exporter.export(complete=False).written
            click.echo(
                f"{where}: {report.addresses} addresses, {report.written} files written,"
                f" {report.deleted} addresses deleted, {report.seconds:.1f} s"
            )
            for path, reason in report.left_out.items():
                click.echo(f"not exported: {path}: {reason}", err=True)
            purge(config.cdn, report.changed)
            if watch:
                log_to_stderr(log)
                follower = Follower(config, index, exporter, utc_now, look_seconds=_LOOK_SECONDS)
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, lambda *_: follower.stop())
                follower.run()
    if report.left_out:
        click.get_current_context().exit(PROBLEMS)
