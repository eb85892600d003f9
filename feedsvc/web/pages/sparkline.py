"""A sparkline: numbers as bars in one small path of SVG. Pure."""

from collections.abc import Sequence

HEIGHT = 20
WIDTH = 8  # of a bar, with the space after it


def sparkline(numbers: Sequence[int]) -> str:
    """Return the path of a row of upright bars, as high as the numbers.

    It is for a box that is HEIGHT high and has WIDTH for each number. A number above 0 has a bar
    that can be seen.

    >>> sparkline([0, 1, 40])
    'M3 20v-1M11 20v-2M19 20v-20'
    """
    most = max(numbers, default=0)
    bars = []
    for place, number in enumerate(numbers):
        height = max(2, round(HEIGHT * number / most)) if number else 1
        bars.append(f"M{WIDTH * place + 3} {HEIGHT}v-{height}")
    return "".join(bars)
