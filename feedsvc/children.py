"""Child processes that do one kind of work each, and can be killed without loss.

A child runs the `main` of one of our modules. A child that does `work` gets jobs through a socket,
one at a time, and answers each. When the other end of the socket is closed, it ends at once, also
in the middle of a job; so it never outlives its parent.
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

# For the system to end a process; a process that waits for a dead disk may never end.
_KILLED_SECONDS = 5.0
# Not `python -m`: the module would be `__main__`, and its classes unequal to those of the parent.
_PROGRAM = (
    "import importlib, sys; importlib.import_module(sys.argv[1]).main(*map(int, sys.argv[2:]))"
)


class Child:
    """A child process, at the other end of `connection`."""

    def __init__(
        self, module: str, *numbers: int, descriptors: tuple[int, ...] = (), logs: bool = False
    ) -> None:
        """Start the `main` of a module, with the socket's descriptor and `numbers` as arguments.

        The child inherits `descriptors` and, if it `logs`, the standard error.
        """
        # Not multiprocessing: its daemon processes may not have children.
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
        """Send a job. Raises ChildError when the child has ended."""
        try:
            self.connection.send(job)
        except OSError as error:
            raise self._ended() from error

    def receive(self, seconds: float) -> bytes:
        """Return the next answer.

        Raises ChildError when none comes within `seconds`, or when the child has ended.
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
        """Return the status of the child once it has ended."""
        return self._process.wait()

    def end(self, seconds: float) -> None:
        """Tell the child to end, by the job None, and kill it if it still runs after `seconds`."""
        # To close the connection is not enough: a fork of this process may hold it open.
        with suppress(OSError):
            self.connection.send(None)
        self.connection.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the child at once."""
        self.connection.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILLED_SECONDS)


def lower_priority(niceness: int) -> None:
    """Let the processes that answer readers run before this one."""
    with suppress(OSError):
        os.nice(niceness)
    if hasattr(os, "sched_setscheduler"):  # Linux: do not interrupt others by waking up
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def limit_memory(size: int) -> None:
    """Limit the address space of this process to `size` bytes, where the system can."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def limit_time(seconds: int) -> None:
    """Have the system end this process after so many more seconds on the processor (SIGXCPU).

    Waiting does not count, so a busy machine makes no difference. A new call replaces the limit.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def work(descriptor: int, answers: Callable[[Any], Iterable[bytes]], *, niceness: int) -> None:
    """Answer each job that comes in through the socket `descriptor`, until it closes.

    `answers` yields the answers to one job: none, one or several. Each is sent at once.
    """
    lower_priority(niceness)
    threading.Thread(
        target=_exit_on_hangup, args=(descriptor,), name="feedsvc-hangup", daemon=True
    ).start()
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        while True:
            for answer in answers(connection.recv()):
                connection.send_bytes(answer)


def _exit_on_hangup(descriptor: int) -> None:
    """End this process when the other end of a socket is closed."""
    events = select.poll()
    events.register(descriptor, 0)  # no events but the hang-up, which is always reported (poll(2))
    while not events.poll():
        pass
    os._exit(0)
