"""Cron expressions of five fields, as Harvester's schedules take them: parsed, and the least time between two runs.

The dialect is that of upstream's github.com/robfig/cron, ParseStandard: minute, hour, day of month, month, day of week
(Sunday is 0), with lists, ranges, steps, names and the descriptors @hourly ... @yearly and @every. There is no clock in here:
gaps are looked for in the days of a leap year, in UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from harvester_provider.core.duration import seconds

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (("minute", 0, 59, ()), ("hour", 0, 23, ()), ("day of month", 1, 31, ()), ("month", 1, 12, _MONTHS), ("day of week", 0, 6, _DAYS))
_BEGIN, _DAY_MINUTES = date(2024, 1, 1), 24 * 60


class BadCron(ValueError):
    """An expression that is no schedule; the text says which part is wrong."""


@dataclass(frozen=True)
class Cron:
    """A schedule: the values at which each field matches, and whether a day field was left open."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def shortest_gap(self) -> timedelta | None:
        """The least time between two runs; None for what never runs."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        within = [later - earlier for earlier, later in pairwise(times)]
        runs = list(self._days())
        apart = [(later - earlier).days * _DAY_MINUTES - times[-1] + times[0] for earlier, later in pairwise(runs)]
        gaps = [*(within if runs else ()), *apart]
        return timedelta(minutes=min(gaps)) if gaps else timedelta(days=365) if runs else None

    def runs(self) -> list[int]:
        """All runs of a leap year, in minutes from its beginning."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        return [(day - _BEGIN).days * _DAY_MINUTES + time for day in self._days() for time in times]

    def _days(self) -> Iterator[date]:
        """The days of a leap year on which it runs. With both day fields set, either of them is enough."""
        for number in range(366):
            day = _BEGIN + timedelta(days=number)
            of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
            matches = of_month and of_week if self.any_day or self.any_weekday else of_month or of_week
            if matches and day.month in self.months:
                yield day


def shortest_gap(text: str) -> timedelta | None:
    """The least time between two runs of an expression; None for what never runs. Raises BadCron."""
    if text.startswith("@every "):
        try:
            return timedelta(seconds=seconds(text.removeprefix("@every ").strip()))
        except ValueError as error:
            raise BadCron(f"{text!r}: {error}") from error
    return parse(text).shortest_gap()


def distance(one: str, other: str) -> timedelta | None:
    """The least time between a run of one expression and a run of another; None where one of them has no fixed times. Raises BadCron."""
    if one.startswith("@every ") or other.startswith("@every "):
        return None
    marked = sorted([(run, 0) for run in parse(one).runs()] + [(run, 1) for run in parse(other).runs()])
    apart = [later - earlier for (earlier, mine), (later, theirs) in pairwise(marked) if mine != theirs]
    return timedelta(minutes=min(apart)) if apart else None


def parse(text: str) -> Cron:
    """An expression of five fields, or one of the descriptors. Raises BadCron."""
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise BadCron(f"{text!r} is no descriptor: write one of {', '.join(_DESCRIPTORS)}, or @every and a duration")
    parts = _DESCRIPTORS.get(text, text).split()
    if len(parts) != len(_FIELDS):
        raise BadCron(f"{text!r} has {len(parts)} fields: write minute, hour, day of month, month and day of week, such as `0 2 * * *`")
    minutes, hours, days, months, weekdays = (_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
    return Cron(minutes, hours, days, months, weekdays, any_day=_open(parts[2]), any_weekday=_open(parts[4]))


def _open(part: str) -> bool:
    return any(item.split("/")[0] in {"*", "?"} for item in part.split(","))


def _field(part: str, name: str, low: int, high: int, words: tuple[str, ...]) -> frozenset[int]:
    return frozenset(value for item in part.split(",") for value in _item(item, name, low, high, words))


def _item(item: str, name: str, low: int, high: int, words: tuple[str, ...]) -> range:
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        raise BadCron(f"{name}: {item!r}: the step after / is a whole number from 1")
    if span in {"*", "?"}:
        first, last = low, high
    else:
        begin, dash, end = span.partition("-")
        first = _value(begin, name, low, words)
        last = _value(end, name, low, words) if dash else (high if slash else first)
    if not low <= first <= last <= high:
        raise BadCron(f"{name}: {item!r} is out of range: {low} to {high}, the smaller number first")
    return range(first, last + 1, int(step) if slash else 1)


def _value(text: str, name: str, low: int, words: tuple[str, ...]) -> int:
    if text.lower() in words:
        return words.index(text.lower()) + low
    if not (text.isascii() and text.isdecimal()):
        raise BadCron(f"{name}: {text!r} is no number")
    return int(text)
