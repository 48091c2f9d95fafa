"""What a user sees while something takes long."""

import threading

import pytest

from harvester_local.progress import Progress


def test_a_long_step_shows_signs_of_life_between_its_start_and_its_end() -> None:
    alive = threading.Event()
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith("etcd: building, "):
            alive.set()

    with Progress(report, every=0.001).step("etcd", "building", "built", " with Go 1.26"):
        assert alive.wait(30)
    assert lines[0] == "etcd: building with Go 1.26"
    assert lines[1] == "etcd: building, 0 s"
    assert lines[-1] == "etcd: built in 0 s"


def test_a_step_that_fails_does_not_say_that_it_is_done() -> None:
    lines: list[str] = []
    with pytest.raises(ZeroDivisionError), Progress(lines.append).step("etcd", "building", "built"):
        raise ZeroDivisionError
    assert lines == ["etcd: building"]
