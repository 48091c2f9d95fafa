"""Local files that objects are made from: when they are read, and when what is remembered of them is enough."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from harvester_provider.core.content import Content
from harvester_provider.core.errors import BadFile
from harvester_provider.engine.local_file import content_of

HOUR = 3600 * 10**9


def silent(_text: str) -> None:
    pass


def later() -> int:
    return time.time_ns() + HOUR


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"x" * 1024)
    return path


def test_the_content_is_known_by_its_sha512_and_size(file: Path) -> None:
    found = content_of(str(file), Content(), silent)
    assert (found.sha512, found.size) == (hashlib.sha512(b"x" * 1024).hexdigest(), 1024)


def test_a_file_that_looks_as_it_did_is_not_read_again(file: Path) -> None:
    stamp = content_of(str(file), Content(), silent, later).stamp
    known = Content("what was remembered", 1024, stamp)
    assert content_of(str(file), known, silent) is known


def test_a_file_that_was_just_written_is_not_remembered_by_its_look(file: Path) -> None:
    assert content_of(str(file), Content(), silent).stamp == ""


@pytest.mark.parametrize("change", ["content", "date", "replaced"])
def test_a_file_that_looks_different_is_read_again(file: Path, change: str) -> None:
    known = content_of(str(file), Content(), silent, later)
    if change == "content":
        file.write_bytes(b"y" * 1024)
    elif change == "date":
        os.utime(file, ns=(1, 1))
    else:
        other = file.with_suffix(".new")
        other.write_bytes(b"x" * 1024)
        other.replace(file)
    found = content_of(str(file), known, silent, later)
    assert found.stamp != known.stamp
    assert (found.sha512 == known.sha512) == (change != "content")


def test_a_file_that_is_written_to_meanwhile_is_refused(file: Path) -> None:
    os.truncate(file, 300 << 20)

    def write(_text: str) -> None:
        with file.open("ab") as end:
            end.write(b"more")

    with pytest.raises(BadFile, match="changed while it was read"):
        content_of(str(file), Content(), write)


@pytest.mark.parametrize(("name", "said"), [("nothing.img", "No such file"), (".", "it is no file")])
def test_what_cannot_be_read_is_named_with_the_way_out(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        content_of(str(tmp_path / name), Content(), silent)
