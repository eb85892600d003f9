"""Tells a content delivery network which addresses have other bytes now."""

import subprocess
from collections.abc import Sequence
from urllib.parse import quote

from feedsvc import __version__, outgoing
from feedsvc.config import CDN
from feedsvc.errors import ExportError

_SECONDS = 300.0  # for the command


def purge(cdn: CDN, addresses: Sequence[str]) -> None:
    """Run the command with these addresses, and fetch the URL for each of them.

    Raises ExportError and OutgoingError; what the network has not been told is not known then.
    """
    if not addresses:
        return
    if cdn.purge_command:
        _run(cdn.purge_command, addresses)
    if cdn.purge_url is not None:
        for address in addresses:
            url = cdn.purge_url.replace("{address}", quote(address, safe=""))
            outgoing.fetch(url, agent=f"feedsvc/{__version__}")


def _run(command: Sequence[str], addresses: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
            command,
            input="".join(f"{address}\n" for address in addresses).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or f"it takes longer than {_SECONDS:.0f} s"
        raise ExportError(f"cdn.purge_command, {command[0]}: {reason}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0][:300]
        raise ExportError(f"cdn.purge_command ended with {done.returncode}: {said}")
