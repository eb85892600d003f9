"""Processes of our own that do one kind of work, and can be killed without loss.

A child runs the `main` of a module of ours. One that does `work` gets jobs through a socket, one at
a time, and answers each. It ends when the other end of the socket is closed, so also when its
parent has died, and also in the middle of a job.
"""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from feedsvc.errors import ChildError

_KILLED_SECONDS = (
    5.0  # for the system to end a process; one that waits for a dead disk may never end
)
# Not `python -m`: what a module that is run so makes is not what others know by its name.
_PROGRAM = (
    "import importlib, sys; importlib.import_module(sys.argv[1]).main(*map(int, sys.argv[2:]))"
)


class Child:
    """One such process; `connection` leads to it, and its `main` gets the socket and numbers."""

    def __init__(
        self, module: str, *numbers: int, descriptors: tuple[int, ...] = (), logs: bool = False
    ) -> None:
        """Start it. It inherits these `descriptors`, and the standard error if it `logs`."""
        # Not multiprocessing: a process that is one of its daemons may have no children.
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", _PROGRAM, module, *map(str, (theirs.fileno(), *numbers))],
                pass_fds=(theirs.fileno(), *descriptors),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if logs else subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())

    def send(self, job: Any) -> None:
        """Give it a job. Raises ChildError when it has ended."""
        try:
            self.connection.send(job)
        except OSError as error:
            raise self._ended() from error

    def receive(self, seconds: float) -> bytes:
        """Return its next answer.

        Raises ChildError when there is none for so many seconds, or when the process has ended.
        """
        try:
            if not self.connection.poll(seconds):
                raise ChildError(f"takes more than {seconds:.0f} seconds", late=True)
            return self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._ended() from error

    def _ended(self) -> ChildError:
        try:
            status = self._process.wait(_KILLED_SECONDS)
        except subprocess.TimeoutExpired:
            status = 0
        if status == -signal.SIGXCPU:
            return ChildError("takes too much of the processor's time", late=True)
        return ChildError("ended the process that did it", late=False)

    def wait(self) -> int:
        """Return its status once it has ended."""
        return self._process.wait()

    def end(self, seconds: float) -> None:
        """Ask it to end, and kill it when it has not within so many seconds."""
        self.connection.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def tell_to_end(self, seconds: float) -> None:
        """Send it a job that is None, which means to end, and then end it.

        To close the connection does not reach it where a fork of this process has it, too.
        """
        with suppress(OSError):
            self.connection.send(None)
        self.end(seconds)

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILLED_SECONDS)


def lower_priority(niceness: int) -> None:
    """Let processes that readers wait for come first, from now on."""
    with suppress(OSError):
        os.nice(niceness)
    if hasattr(os, "sched_setscheduler"):  # Linux: one that wakes up does not interrupt others
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def on_hangup(descriptor: int, call: Callable[[], None]) -> None:
    """Have `call` called, in another thread, when the other end of this socket is closed."""
    events = select.poll()
    events.register(descriptor, 0)  # of nothing but the end, which is always told (poll(2))

    def wait() -> None:
        while not events.poll():
            pass
        call()

    threading.Thread(target=wait, name="feedsvc-hangup", daemon=True).start()


def limit_memory(size: int) -> None:
    """Limit the address space of this process to `size` bytes, where the system can."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def limit_time(seconds: int) -> None:
    """Have the system end this process when it has worked for so many more seconds (SIGXCPU).

    Only time on the processor counts, so a busy machine makes nobody late. Called again, the limit
    begins anew.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def work(descriptor: int, answers: Callable[[Any], Iterable[bytes]], *, niceness: int) -> None:
    """Be a child: answer each job that comes in through the socket `descriptor`, until it closes.

    `answers` makes the answers to one job: none, one or several. Each is sent when it is made.
    """
    lower_priority(niceness)
    on_hangup(descriptor, lambda: os._exit(0))
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        while True:
            for answer in answers(connection.recv()):
                connection.send_bytes(answer)
