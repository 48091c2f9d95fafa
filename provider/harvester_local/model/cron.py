"""When a cron expression of five fields comes next. Pure; the dialect of upstream's robfig/cron, ParseStandard, without @every."""

from collections.abc import Iterator
from datetime import datetime, timedelta

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES: tuple[tuple[str, ...], ...] = ((), (), (), _MONTHS, _DAYS)
_SHORT = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_YEARS = 5


def next_runs(text: str, after: datetime) -> Iterator[datetime]:
    """The times at which it comes after that moment, in order. Raises ValueError for no expression; ends when none comes for years."""
    words = _SHORT.get(text, text).split()
    if len(words) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(words)}: {text}")
    minutes, hours, days, months, weekdays = (_values(word, *_BOUNDS[n], _NAMES[n]) for n, word in enumerate(words))
    either = words[2][0] not in "*?" and words[4][0] not in "*?"
    start = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(366 * _YEARS):
        day = start + timedelta(days=number)
        of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and ((of_month or of_week) if either else (of_month and of_week)):
            times = (day.replace(hour=hour, minute=minute) for hour in sorted(hours) for minute in sorted(minutes))
            yield from (time for time in times if time > after)


def _values(word: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for item in word.split(","):
        span, slash, step = item.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first in {"*", "?"} else _number(first, low, names)
        whole = first in {"*", "?"} or (slash and not dash)
        end = _number(last, low, names) if dash else high if whole else begin
        if not low <= begin <= end <= high:
            raise ValueError(f"{item} is out of range {low}-{high}")
        found.update(range(begin, end + 1, int(step) if slash else 1))
    return found


def _number(word: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(word.lower()) + low if word.lower() in names else int(word)
