"""What the figures were measured on."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.programs import program
from feedsvc import __version__

# How each program says its version; nginx says it on standard error, wrk with its usage.
_ASK = {"nginx": ["-v"], "wrk": ["-v"], "hugo": ["version"], "find": ["--version"]}


def facts(programs: Iterable[str] = ()) -> Mapping[str, str]:
    """Return names and values: the machine, the system, Python, feedsvc, and these programs."""
    return {
        "": _processor(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "feedsvc": __version__,
        **{name: version(name) for name in programs},
    }


def version(name: str) -> str:
    """Return the version of a program, `missing` where it is not there."""
    file = program(name)
    if file is None:
        return "missing"
    said = subprocess.run(
        [file, *_ASK[name]], capture_output=True, text=True, check=False, timeout=30
    )
    found = re.search(r"\d+\.\d+(?:\.\d+)*", said.stdout + said.stderr)
    return found[0] if found else "unknown"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"
