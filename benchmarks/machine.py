"""The machine and the programs that the figures were measured with."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.programs import program
from feedsvc import __version__

# The options that print a version; nginx prints it on standard error, wrk with its usage.
_ASK = {"nginx": ["-v"], "wrk": ["-v"], "hugo": ["version"], "find": ["--version"]}


def facts(programs: Iterable[str] = ()) -> Mapping[str, str]:
    """Return the machine, the system, and the versions of Python, feedsvc and these programs."""
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
    """Return the version of a program, `missing` if it is not installed."""
    file = program(name)
    if file is None:
        return "missing"
    answer = subprocess.run(
        [file, *_ASK[name]], capture_output=True, text=True, check=False, timeout=30
    )
    number = re.search(r"\d+\.\d+(?:\.\d+)*", answer.stdout + answer.stderr)
    return number[0] if number else "unknown"


def _processor() -> str:
    try:
        name = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        name = None
    return name[1] if name else platform.processor() or platform.machine()


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"
