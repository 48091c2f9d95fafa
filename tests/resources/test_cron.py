"""Cron expressions: what is one, and how close its runs come; checked against counting the minutes of a year."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.resources.cron import BadCron, distance, parse, shortest_gap

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("0 2 * * *", 24 * HOUR),
        ("*/30 * * * *", HOUR / 2),
        ("0 1,2 * * *", HOUR),
        ("0 0,23 * * *", HOUR),
        ("5/20 4 * * *", HOUR / 3),
        ("0 0 1 1 *", 365 * 24 * HOUR),
        ("0 0 1-7 * MON", 24 * HOUR),
        ("5 4 * * sun", 7 * 24 * HOUR),
        ("0 0 31 feb *", None),
        ("@hourly", HOUR),
        ("@every 1h30m", 1.5 * HOUR),
    ],
)
def test_the_shortest_time_between_two_runs(text: str, gap: timedelta | None) -> None:
    assert shortest_gap(text) == gap


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("0 2 * * *", "0 2 * * *", timedelta(0)),
        ("58 23 * * *", "3 0 * * *", timedelta(minutes=5)),
        ("0 2 * * 1", "5 2 * * 2", 24 * HOUR + timedelta(minutes=5)),
        ("0 * * * *", "10 * * * *", timedelta(minutes=10)),
        ("0 0 31 2 *", "0 2 * * *", None),
        ("@every 1h", "0 * * * *", None),
    ],
)
def test_the_least_time_between_two_schedules(one: str, other: str, apart: timedelta | None) -> None:
    assert distance(one, other) == distance(other, one) == apart


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has 0 fields"),
        ("* * *", "has 3 fields"),
        ("60 * * * *", "minute: '60' is out of range: 0 to 59"),
        ("0 0 * * 7", "day of week: '7' is out of range: 0 to 6"),
        ("0 5-1 * * *", "hour: '5-1' is out of range"),
        ("*/0 * * * *", "minute: '*/0': the step after / is a whole number from 1"),
        ("0 x * * *", "hour: 'x' is no number"),
        ("@often", "'@often' is no descriptor"),
        ("@every so often", "@every so often"),
    ],
)
def test_what_is_no_schedule_is_told_by_its_part(text: str, told: str) -> None:
    with pytest.raises(BadCron) as error:
        shortest_gap(text)
    assert told in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_is_refused(text: str) -> None:
    with suppress(BadCron):
        shortest_gap(text)


fields = [st.sets(st.integers(low, high), min_size=1, max_size=3) for low, high in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))]


@given(st.tuples(*(st.one_of(st.just("*"), each.map(lambda found: ",".join(map(str, sorted(found))))) for each in fields)))
def test_no_two_runs_are_closer_and_two_are_as_close(parts: tuple[str, ...]) -> None:
    text = " ".join(parts)
    cron, moment, runs = parse(text), datetime(2024, 1, 1, tzinfo=UTC), []
    for number in range(366):
        day = moment + timedelta(days=number)
        of_month, of_week = day.day in cron.days, day.isoweekday() % 7 in cron.weekdays
        if day.month in cron.months and (of_month and of_week if "*" in (parts[2], parts[4]) else of_month or of_week):
            runs += [day.replace(hour=hour, minute=minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    gaps = [later - earlier for earlier, later in pairwise(runs)]
    found = shortest_gap(text)
    assert (found == min(gaps)) if gaps else (found == timedelta(days=365) if runs else found is None)
