"""Child processes: started, started again when they die, replaced, and stopped in order.

All of it in one thread: a process with threads cannot be forked safely. Where forking is sound
(Linux), a child begins with every module that its parent has imported, and shares their memory.
"""

import gc
import logging
import math
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkProcess, SpawnContext, SpawnProcess
from types import FrameType, TracebackType
from typing import Self

from feedsvc import memory

logger = logging.getLogger(__name__)

_STOP_SECONDS = 10.0  # for a pass, or for requests, to come to an end
_READY_SECONDS = 60.0  # for a child that replaces another to be ready
_SOUND_SECONDS = 60.0  # who lived for so long is started again at once
_LONGEST_PAUSE = 60.0  # seconds between two attempts to start a child that dies
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What a child does: `run` is called there, and calls what it is given once it is ready.

    The signal `farewell` asks it to end, and so does SIGTERM; both are blocked in all its threads,
    to be waited for: a handler runs only when the main thread wakes up, and it does not when the
    system has told another thread of the signal, as it may. Of its parent's sockets, it has only
    `listens`.
    """

    name: str
    run: Callable[[Callable[[], None]], None]
    farewell: signal.Signals = signal.SIGTERM
    listens: socket.socket | None = None


class _Child:
    """A process that does a task."""

    def __init__(self, task: Task, process: ForkProcess | SpawnProcess, said: Connection) -> None:
        self.task = task
        self.process = process
        self.said = said  # one message: that it is ready
        self.ready = False
        self.started = time.monotonic()

    @property
    def ended(self) -> bool:
        return not self.process.is_alive()


class Children:
    """The children of this process, and the signals that are meant for all of them.

    A context: at its end all children are stopped. Only for the main thread.
    """

    def __init__(self, sockets: Sequence[socket.socket] = ()) -> None:
        self._forks = sys.platform == "linux"
        self._context: ForkContext | SpawnContext = (
            multiprocessing.get_context("fork")
            if self._forks
            else multiprocessing.get_context("spawn")
        )
        self._sockets = sockets
        # Ends for the children when this process does, however it ends.
        self._life, self._hold = self._context.Pipe(duplex=False)
        self._woken, self._waker = socket.socketpair()
        self._current: dict[str, _Child] = {}
        self._others: list[_Child] = []  # about to begin, or to end
        self._due: dict[str, tuple[float, Task]] = {}
        self._pauses: dict[str, float] = {}
        self._stopping = self._reloading = False

    def __enter__(self) -> Self:
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._handlers = {number: signal.signal(number, self._noted) for number in _SIGNALS}
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._end([*self._others, *self._current.values()])
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for end in (self._life, self._hold, self._woken, self._waker):
            end.close()

    def start(self, tasks: Iterable[Task]) -> None:
        """Start a child for each task; from now on they are started again when they die."""
        for task in tasks:
            self._current[task.name] = self._started(task)

    def replace(self, tasks: Sequence[Task]) -> bool:
        """Start other children for tasks of the same names, and end the old when all are ready.

        Return False, and keep the old ones, when the new do not get ready.
        """
        new = [self._started(task) for task in tasks]
        self._others += new
        self._until(
            lambda: all(one.ready for one in new) or any(one.ended for one in new), _READY_SECONDS
        )
        if self._stopping or not all(one.ready and not one.ended for one in new):
            self._end(new)
            return False
        self._others = [one for one in self._others if one not in new]
        old = [self._current.pop(task.name) for task in tasks if task.name in self._current]
        for one in new:
            self._due.pop(one.task.name, None)
            self._current[one.task.name] = one
        self._end(old)
        return True

    def restart(self, tasks: Sequence[Task]) -> None:
        """End the children of these names, and only then start others for them."""
        for task in tasks:
            self._due.pop(task.name, None)
        self._end([self._current.pop(one.name) for one in tasks if one.name in self._current])
        if not self._stopping:
            self.start(tasks)

    def keep(self, reload: Callable[[], None]) -> None:
        """Start again whoever dies, and `reload` on SIGHUP, until SIGTERM or SIGINT."""
        while not self._stopping:
            self._until(lambda: self._reloading, None)
            if self._reloading and not self._stopping:
                self._reloading = False
                reload()

    def _noted(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reloading = True
        else:
            self._stopping = True

    def _started(self, task: Task) -> _Child:
        said, says = self._context.Pipe(duplex=False)
        mine = [self._hold, said, self._woken, self._waker]
        mine += [one for one in self._sockets if one is not task.listens]
        inherited = mine if self._forks else []
        process = self._context.Process(
            target=_child, args=(task, self._life, says, inherited), name=task.name, daemon=True
        )
        gc.collect()
        gc.freeze()  # what a collection in a child does not touch stays shared
        # Until the child has signal handlers of its own it would run those of its parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        says.close()
        return _Child(task, process, said)

    def _until(self, holds: Callable[[], bool], seconds: float | None) -> None:
        """Attend to children and signals until it holds, time is up, or all are to stop."""
        end = math.inf if seconds is None else time.monotonic() + seconds
        while not self._stopping and not holds() and time.monotonic() < end:
            self._attend(min([end, *(when for when, _ in self._due.values())]))

    def _attend(self, until: float) -> None:
        """Wait for something to happen, but only until some time, and do what it needs."""
        children = [*self._current.values(), *self._others]
        sources: list[object] = [self._woken]
        sources += [one.process.sentinel for one in children]
        sources += [one.said for one in children if not one.said.closed]
        happened = wait(
            sources,  # type: ignore[arg-type]  # a socket has the fileno that it asks for
            None if until == math.inf else max(0.0, until - time.monotonic()),
        )
        if self._woken in happened:
            self._woken.recv(4096)
        for one in children:
            if one.said in happened:
                one.ready = _heard(one.said)
        for one in [one for one in self._current.values() if one.ended]:
            self._bury(one)
        now = time.monotonic()
        for name, (when, task) in list(self._due.items()):
            if when <= now:
                del self._due[name]
                self._current[name] = self._started(task)

    def _bury(self, child: _Child) -> None:
        """Have a child that died started again: at once, and with pauses when it dies again."""
        now, name = time.monotonic(), child.task.name
        if now - child.started > _SOUND_SECONDS:
            self._pauses.pop(name, None)
        pause = self._pauses.get(name, 0.0)
        self._pauses[name] = min(max(1.0, 2 * pause), _LONGEST_PAUSE)
        logger.error("the %s ended (%s); starting it again", name, child.process.exitcode)
        del self._current[name]
        self._close(child)
        self._due[name] = (now + pause, child.task)

    def _end(self, children: Sequence[_Child]) -> None:
        """Ask these children to end, and kill those that do not in time."""
        for one in children:
            if one.process.pid is not None and not one.ended:
                os.kill(one.process.pid, one.task.farewell)
        end = time.monotonic() + _STOP_SECONDS
        for one in children:
            one.process.join(max(0.0, end - time.monotonic()))
            if one.process.is_alive():
                logger.warning("the %s does not end; it is killed", one.task.name)
                one.process.kill()
                one.process.join()
            self._close(one)
        self._others = [one for one in self._others if one not in children]

    @staticmethod
    def _close(child: _Child) -> None:
        child.said.close()
        child.process.close()


def _heard(said: Connection) -> bool:
    """Tell whether the child has said that it is ready; else it has ended."""
    try:
        said.recv_bytes()
    except EOFError:
        return False
    finally:
        said.close()
    return True


def _child(
    task: Task,
    life: Connection,
    says: Connection,
    inherited: Iterable[Connection | socket.socket],
) -> None:
    """Do a task in a child."""
    for end in inherited:
        end.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A terminal sends SIGINT and SIGHUP to every process; the parent says what to do. SIGINT stays
    # blocked, because granian 2.8 installs a handler of its own later, and a worker that gets both
    # SIGINT and SIGTERM may never end (tried: one time in four).
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT, signal.SIGTERM, task.farewell})
    memory.keep_together()
    end_with = threading.Thread(
        target=_end_with, args=(life, task.farewell), name="feedsvc-parent", daemon=True
    )
    end_with.start()
    task.run(partial(says.send_bytes, b"ready"))


def _end_with(life: Connection, farewell: signal.Signals) -> None:
    """End this process when its parent has: a worker would go on holding the port."""
    life.poll(None)
    os.kill(os.getpid(), farewell)
