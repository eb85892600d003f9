"""Which folders and categories have been quiet for far longer than they used to be. Pure.

A *stream* is a folder or a category into which articles come. The operator says how long it may be
quiet (`expect`), or its past does: three times the longest pause of the last twelve weeks (four and
a half times for a category), but a day at least. One pause may be longer: it was a failure.

Days of the week on which a stream never has articles do not count, in its pauses and in its
silence: so nothing is reported because of a weekend.
"""

from feedsvc.silence.judging import after, judge
from feedsvc.silence.rhythms import WINDOW, by_folder, counted, rhythm
from feedsvc.silence.values import KEY, Arrival, Silence, Silences, Stream, span

__all__ = [
    "KEY",
    "WINDOW",
    "Arrival",
    "Silence",
    "Silences",
    "Stream",
    "after",
    "by_folder",
    "counted",
    "judge",
    "rhythm",
    "span",
]
