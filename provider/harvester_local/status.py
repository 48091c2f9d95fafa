"""What can be said about a local Harvester right now, as a value; printing it is the command line's."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from harvester_local.layout import Layout
from harvester_local.ports import LOOPBACK
from harvester_local.processes import Handle
from harvester_local.programs import TOOLS
from harvester_local.state import State
from harvester_local.toolchain.search import version_told

PORTS_OF = {
    "etcd": ("etcd",),
    "kube-apiserver": ("apiserver",),
    "kube-controller-manager": ("controllers",),
    "plane": ("front", "images", "webhook"),
}


@dataclass(frozen=True)
class ProgramStatus:
    """One program. `memory` is its resident set in bytes, `uptime` in seconds; both None when it does not run.

    `version` is what the program says of itself, None for those that are part of this package.
    """

    name: str
    pid: int
    running: bool
    version: str | None
    ports: dict[str, int]
    uptime: float | None
    memory: int | None
    log: str


@dataclass(frozen=True)
class Status:
    """All of it. `state` is `up`, `down`, `starting`, or `broken`: something of it has ended unasked."""

    state: str
    folder: str
    version: str
    settings: dict[str, Any]
    crds: str | None
    kubeconfig: str
    endpoint: str
    images_url: str
    programs: list[ProgramStatus]

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON-ready mapping."""
        return asdict(self)


def status_of(layout: Layout, state: State) -> Status:
    """Look at the processes of `state`."""
    found = [_program(layout, state, name, handle) for name, handle in state.processes.items()]
    return Status(
        state=_word(state),
        folder=str(layout.folder),
        version=state.settings.version,
        settings=state.settings.to_json(),
        crds=state.crds,
        kubeconfig=str(layout.kubeconfig),
        endpoint=endpoint(state),
        images_url=images_url(state),
        programs=found,
    )


def _word(state: State) -> str:
    if not state.processes:
        return "down"
    if state.dead():
        return "broken"
    return "up" if state.ready else "starting"


def endpoint(state: State) -> str:
    """URL of the front door."""
    return f"https://{LOOPBACK}:{state.ports['front']}"


def images_url(state: State) -> str:
    """URL of the folder of sample images."""
    return f"http://{LOOPBACK}:{state.ports['images']}/images"


def _program(layout: Layout, state: State, name: str, handle: Handle) -> ProgramStatus:
    process = handle.process()
    version = memory = None
    try:
        if process:
            memory = process.memory_info().rss
            told = version_told(Path(process.exe()).parent, (name, "--version")) if name in TOOLS else None
            version = ".".join(map(str, told)) if told else None
    except psutil.NoSuchProcess:  # ended between the two looks
        process = memory = None
    return ProgramStatus(
        name=name,
        pid=handle.pid,
        running=process is not None,
        version=version,
        ports={port: state.ports[port] for port in PORTS_OF.get(name, ())},
        uptime=time.time() - handle.started if process else None,
        memory=memory,
        log=str(layout.log(name)),
    )
