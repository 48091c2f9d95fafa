"""Packages are the same bytes for the same commit, whenever and wherever they are built."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def built(source: Path, out: Path) -> dict[str, str]:
    """The packages of a tree as `make dist` builds them, by name with their SHA-256."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=source, env=environment, check=True, capture_output=True
    )  # fmt: skip
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project without what is made in its folder, elsewhere."""
    copy = tmp_path_factory.mktemp("elsewhere") / "tree"
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", *ignored))
    return copy


def test_two_builds_give_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    first = built(tree, tmp_path / "first")
    for path in tree.rglob("*"):
        os.utime(path, (1, 1))  # a later clone has other times
    assert built(tree, tmp_path / "second") == first
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]


def test_the_packages_hold_the_project_and_nothing_of_the_machine(tree: Path, tmp_path: Path) -> None:
    built(tree, tmp_path / "out")
    (wheel,) = (tmp_path / "out").glob("*.whl")
    (source,) = (tmp_path / "out").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    assert {"harvester_provider/py.typed", "harvester_local/py.typed", "pulumi_harvester/__init__.py"} <= names
    with tarfile.open(source) as archive:
        members = archive.getmembers()
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 1700000000)}
    assert not [name for name in (*names, *(member.name for member in members)) if "__pycache__" in name or ".venv" in name]
