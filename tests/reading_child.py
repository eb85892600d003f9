"""A reading process in which files with certain names loop, crash or fail."""

import os
import sys
from typing import Any

from feedsvc import reading
from feedsvc.model import Signature

_read = reading.Reading._read


def _misread(self: reading.Reading, source: str, signature: Signature) -> Any:
    if "loop" in source:
        while True:
            pass
    if "end" in source:
        os._exit(1)
    if "once" in source and not (flag := self.directory.root.parent / "ended").exists():
        flag.touch()
        os._exit(1)
    if "raise" in source:
        raise KeyError("what nobody foresaw")
    if "memory" in source:
        return "x" * sys.maxsize
    return _read(self, source, signature)


def main(descriptor: int, memory: int, cpu_seconds: int) -> None:
    """Read as feedsvc's own process does, except for those files."""
    reading.Reading._read = _misread  # type: ignore[method-assign]
    reading.main(descriptor, memory, cpu_seconds)
