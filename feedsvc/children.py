"""Processes of our own that do one kind of work, and can be killed without loss.

A child runs the `main` of a module of ours: it gets jobs through a socket, one at a time, answers
each, and ends when nobody sends any more, so also when its parent has died.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_AUTOGROUP = Path("/proc/self/autogroup")  # sched(7); only Linux, and not every one
# Not `python -m`: what a module that is run so makes is not what others know by its name.
_PROGRAM = (
    "import importlib, sys; importlib.import_module(sys.argv[1]).main(*map(int, sys.argv[2:]))"
)


class Child:
    """One such process; `connection` leads to it, and its `main` gets the socket and numbers."""

    def __init__(self, module: str, *numbers: int) -> None:
        # Not multiprocessing: a process that is one of its daemons may have no children.
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", _PROGRAM, module, *map(str, (theirs.fileno(), *numbers))],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        self._process.wait()


def step_back(niceness: int, *, apart: bool = False) -> None:
    """Let processes that readers wait for come first, from now on.

    With `apart`, this process and its children to come are weighed together: where Linux shares out
    its cores by sessions, niceness counts only within one, and a session's among the others.
    """
    if apart and _AUTOGROUP.exists():
        with suppress(OSError):
            os.setsid()
            _AUTOGROUP.write_text(str(niceness))
    with suppress(OSError):
        os.nice(niceness)
    if hasattr(os, "sched_setscheduler"):  # Linux: one that wakes up does not interrupt others
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def work(descriptor: int, answer: Callable[[Any], bytes | None], *, niceness: int) -> None:
    """Be a child: answer what comes in through the socket `descriptor`, until nobody asks.

    Where `answer` returns None, there is none.
    """
    step_back(niceness)
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        while True:
            said = answer(connection.recv())
            if said is not None:
                connection.send_bytes(said)
