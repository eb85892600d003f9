"""About how many different texts were seen, without keeping any of them: HyperLogLog.

A digest of a text, made with a secret key, chooses one of 2048 registers, and how high it must be
at least. From the heights of all registers follows about how many different digests there were
(Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog", 2007): the error is about 2 %, less for small
numbers. Nobody can read a text from the registers, and when the key is gone nobody can tell whether
a text was seen. Pure.
"""

import math
from hashlib import blake2b

_BITS = 11
SIZE = 2**_BITS
"""The number of registers, one byte each."""
_REST = 64 - _BITS
_ALPHA = 0.7213 / (1 + 1.079 / SIZE)  # the paper, figure 3


class Distinct:
    """Counts the different texts that it is given."""

    def __init__(self, registers: bytes = b"") -> None:
        self._registers = bytearray(registers if len(registers) == SIZE else SIZE)

    def add(self, text: str, key: bytes) -> None:
        """Count a text; equal texts count once, as long as the key is the same."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        number = int.from_bytes(digest)
        rank = _REST - (number >> _BITS).bit_length() + 1  # 1 + the number of leading zeros
        register = number % SIZE
        self._registers[register] = max(self._registers[register], rank)

    def merge(self, registers: bytes) -> None:
        """Count also what another counter with the same key has counted."""
        if len(registers) == SIZE:
            self._registers = bytearray(map(max, self._registers, registers))

    @property
    def registers(self) -> bytes:
        """The whole state, from which another counter can go on."""
        return bytes(self._registers)

    def count(self) -> int:
        """Return about how many different texts there were.

        >>> counter = Distinct()
        >>> for text in ["one", "two", "two"]:
        ...     counter.add(text, b"key")
        >>> counter.count()
        2
        """
        estimate: float = _ALPHA * SIZE**2 / sum(0.5**rank for rank in self._registers)
        zeros = self._registers.count(0)
        if estimate <= 2.5 * SIZE and zeros:
            estimate = SIZE * math.log(SIZE / zeros)  # the paper: "small range correction"
        return int(estimate + 0.5)
