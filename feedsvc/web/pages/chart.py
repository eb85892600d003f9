"""A chart of numbers by day: upright bars in paths of SVG, one path for each kind. Pure."""

from collections.abc import Sequence

HEIGHT = 100
WIDTH = 10  # of a bar, with the space after it


def bars(kinds: Sequence[Sequence[int]]) -> list[str]:
    """Return the path of each kind of numbers, those of one day standing on each other.

    They are for a box that is HEIGHT high and has WIDTH for each day. A number above 0 has a bar
    that can be seen.

    >>> bars([[1, 3], [0, 1]])
    ['M5 100v-25M15 100v-75', 'M15 25v-25']
    """
    sums = [sum(day) for day in zip(*kinds, strict=True)]
    most = max(sums, default=0)
    floors = [0] * len(sums)
    paths = []
    for numbers in kinds:
        path = []
        for place, number in enumerate(numbers):
            if number:
                height = max(1, round(HEIGHT * number / most))
                path.append(f"M{WIDTH * place + WIDTH // 2} {HEIGHT - floors[place]}v-{height}")
                floors[place] += height
        paths.append("".join(path))
    return paths
