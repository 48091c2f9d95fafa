"""A workbench for tests of the toolchain: an empty cache, an archive host, and a tiny Go program as the tool."""

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

from archive_host import ArchiveHost

from harvester_local.progress import Progress
from harvester_local.toolchain.catalog import Archive, GoBuild, Mirror, Platform, Tool
from harvester_local.toolchain.toolbox import Toolbox

MAIN_GO = """package main

import "fmt"

var Version = "unset"

func main() { fmt.Println("greet", Version, "built") }
"""
LINUX = Platform("linux", "amd64")


def script(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {text}\n")
    path.chmod(0o755)
    return path


def tar_of(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"release/bin/{name}")
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def said_by(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


def linked_tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        link = tarfile.TarInfo("greet")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return packed.getvalue()


class Bench:
    """A toolbox with an empty cache, an archive host, and the pieces to describe tools with."""

    def __init__(self, folder: Path, host: ArchiveHost, go_folder: Path) -> None:
        self.folder, self.host, self.go_folder = folder, host, go_folder
        self.cache, self.path, self.module = folder / "cache", folder / "path", folder / "module"
        self.module.mkdir()
        (self.module / "go.mod").write_text("module example.test/greet\n\ngo 1.22\n")
        (self.module / "main.go").write_text(MAIN_GO)
        (self.module / "greet-helper").write_text("#!/bin/sh\necho helper\n")
        self.lines: list[str] = []

    def tool(self, *mirrors: str, name: str = "greet", companions: tuple[str, ...] = ()) -> Tool:
        archive = Archive(
            folder="greet-1.2.3",
            mirrors=tuple(Mirror(f"{mirror}.tar.gz", f"{mirror}.sums") for mirror in mirrors),
            files=("greet", "second") if name == "second" else ("greet", *companions),
        )
        copied = tuple(("example.test/greet", companion) for companion in companions)
        build = GoBuild(folder=self.module, package=".", variables={"main.Version": "v1.2.3"}, copied=copied)
        asks = (name, "--version")
        return Tool(name=name, version="1.2.3", minimum=(1, 2), asks=asks, build=build, archive=archive, companions=companions)

    def publish(self, path: str, content: bytes, checksum: str | None = None) -> str:
        """Put an archive on the host; returns the address without its ending."""
        name = f"{path.rpartition('/')[2]}.tar.gz"
        self.host.files[f"{path}.tar.gz"] = content
        self.host.files[f"{path}.sums"] = f"{'0' * 64}  other.tar.gz\n{checksum or hashlib.sha256(content).hexdigest()}  {name}\n".encode()
        return self.host.url + path

    def box(self, *tools: Tool, first: Path | None = None) -> Toolbox:
        path = f"{self.path}{os.pathsep}{self.go_folder}"
        return Toolbox(self.cache, path, Progress(self.lines.append), first=first, catalog=tools, platform=LINUX)

    def get(self, tool: Tool, first: Path | None = None) -> Path:
        return self.box(tool, first=first).ensure([tool.name])[tool.name]

    def origins(self) -> list[str]:
        """How tools were obtained: the words behind the colons of the last lines."""
        return [line.partition(": ")[2].split()[0] for line in self.lines]

    def in_cache(self) -> list[str]:
        return sorted(str(path.relative_to(self.cache / "tools")) for path in (self.cache / "tools").rglob("*") if path.is_file())
