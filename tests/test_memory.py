"""Memory given back to the system: often enough, not too often, and not forgotten at the end."""

import os
import queue
import threading
from pathlib import Path

import pytest

from feedsvc import memory

pytestmark = pytest.mark.skipif(memory._glibc is None, reason="another C library")


class Allocator:
    """Notes in which thread it is told to let go."""

    def __init__(self) -> None:
        self.told: queue.Queue[str] = queue.Queue()

    def malloc_trim(self, _left: int) -> None:
        self.told.put(threading.current_thread().name)


def test_what_is_asked_for_too_soon_is_done_once_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Allocator()
    monkeypatch.setattr(memory, "_glibc", allocator)
    monkeypatch.setattr(memory, "_giving", memory._Giving())
    me = threading.current_thread().name
    memory.give_back()
    assert allocator.told.get_nowait() == me
    memory.give_back()
    memory.give_back()
    assert allocator.told.get(timeout=60) != me
    memory.give_back()  # the pause begins anew with what was done later
    assert allocator.told.get(timeout=60) != me
    assert allocator.told.empty()


def test_memory_is_given_back_for_real() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    # Of a size that glibc takes from its heap, with something at the end that stays.
    blocks = [bytes(100_000) for _ in range(500)]
    stays = blocks[-1]
    before = resident()
    blocks.clear()
    memory._Giving().soon()
    assert resident() < before - 30_000_000
    assert len(stays) == 100_000
