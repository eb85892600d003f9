"""A limit for what is made when it is asked for: it must never take all threads of a process."""

import threading
from types import TracebackType

from feedsvc.errors import BusyError

WAITING = 8
"""How many threads may make something or wait for that."""


class OneAtATime:
    """Lets one thread at a time make something; a few others wait, and any further one is refused.

    It is used by `with`, which raises BusyError.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self._places = threading.BoundedSemaphore(waiting)
        self._making = threading.Lock()

    def __enter__(self) -> None:
        """Wait for the threads that came before. Raises BusyError where they are too many."""
        if not self._places.acquire(blocking=False):
            raise BusyError("Too many feeds are being made at this moment.")
        self._making.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the next thread go on."""
        self._making.release()
        self._places.release()
