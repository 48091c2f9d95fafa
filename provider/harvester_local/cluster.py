"""The life cycle of a local Harvester: up, down, reset, status.

Order of a start: certificates and files, etcd, kube-apiserver, the plane (CRDs, controllers, admission, front door),
kube-controller-manager. Each step waits for what it needs and for nothing longer; a start that fails stops what it
started. All decisions about when a process lives or dies are here and in teardown.py; how one is started, which
flags it gets and what is on disk are elsewhere.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from harvester_local import toolchain
from harvester_local.errors import LocalError
from harvester_local.layout import Layout, default_folder
from harvester_local.locks import held
from harvester_local.outage import outage
from harvester_local.pki import Pki
from harvester_local.processes import Handle
from harvester_local.programs import TOOLS
from harvester_local.progress import Report
from harvester_local.settings import Settings
from harvester_local.startup import Order, start_all
from harvester_local.state import State
from harvester_local.status import Status, endpoint, images_url, status_of
from harvester_local.teardown import stop_all

PLANE = (sys.executable, "-m", "harvester_local.plane")


def _quiet(_line: str) -> None:
    """Report nothing."""


class LocalHarvester:
    """A Harvester API on this machine, in one folder.

    As a context manager it ends with the block, and also when its process is killed outright; one that ran before the
    block is used and left running. Started by `up()` it runs until `down()`.

        with LocalHarvester(Settings(boot_seconds=0.2), folder=tmp_path) as local:
            run_my_program(KUBECONFIG=local.kubeconfig)

    `settings`, `crds`: None takes those of the folder's last start, else the defaults.
    `folder`: where data, logs and kubeconfigs go. None is a temporary one for a context manager, removed at its end,
    and `$HARVESTER_LOCAL` or the user's data folder otherwise.
    `crds`: folder of CustomResourceDefinitions in place of the built-in ones; `$HARVESTER_CRDS` goes before the last start's.
    `tools`: paths of etcd, kube-apiserver and kube-controller-manager; None obtains them, see `toolchain`.
    `plane`: command of the control process, which gets `--config FILE` appended.
    `report`: called with one line of text per step.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        folder: Path | str | None = None,
        crds: Path | str | None = None,
        tools: Mapping[str, Path] | None = None,
        plane: Sequence[str] = PLANE,
        report: Report = _quiet,
    ) -> None:
        self._settings = settings
        self._given_folder = Path(folder).expanduser().absolute() if folder else None
        self._crds = str(Path(found).expanduser().absolute()) if (found := crds or os.environ.get("HARVESTER_CRDS")) else None
        self._tools = tools
        self._plane = tuple(plane)
        self._report = report
        self.layout = Layout(self._given_folder or default_folder())
        self._temporary = False
        self._mine = False

    # What a user of it needs to know ------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Folder of data, logs and kubeconfigs."""
        return self.layout.folder

    @property
    def logs(self) -> Path:
        """Folder of the logs, one per program."""
        return self.layout.logs

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of a cluster administrator, through the front door as on a Harvester VIP."""
        return self.layout.kubeconfig

    @property
    def kubeconfig_text(self) -> str:
        """Content of `kubeconfig`."""
        return self.layout.kubeconfig.read_text()

    @property
    def kubeconfig_direct(self) -> Path:
        """Kubeconfig straight to kube-apiserver, past the front door and its faults."""
        return self.layout.direct

    @property
    def endpoint(self) -> str:
        """URL of the front door, what `https://VIP` is to a real Harvester."""
        return endpoint(self._state())

    @property
    def images_url(self) -> str:
        """URL of the folder from which the sample images can be downloaded."""
        return images_url(self._state())

    @property
    def ca(self) -> Path:
        """Certificate of the authority that signed the front door's certificate."""
        return Pki(self.layout.pki).ca

    @property
    def tokens(self) -> dict[str, str]:
        """Bearer tokens by user name: `admin` may do everything, `rancher` what a user of Rancher may, `guest` nothing."""
        return Pki(self.layout.pki).tokens()

    def _state(self) -> State:
        state = State.read(self.layout.state)
        if state is None:
            raise LocalError(f"no local Harvester in {self.folder}: start one with `pulumi-harvester local up`, or name its --folder")
        return state

    # Verbs --------------------------------------------------------------------------------------------------------

    def up(self) -> Self:
        """Start it, or find it running. After a crash the rest is stopped first; what etcd held is kept.

        Raises LocalError when a program ends or is not ready in time, with the tail of its log, and when it runs
        already with other settings than the ones asked for.
        """
        return self._up(owner=None)

    def down(self) -> None:
        """Stop every process of it, and no other. Data stays; nothing happens when none runs."""
        if not self.folder.exists():
            return
        with self._locked():
            state = State.read(self.layout.state)
            if state:
                stop_all(self.layout, state)
        self._mine = False

    def reset(self) -> None:
        """Stop it and drop its data and settings. Certificates, tokens and ports stay, and with them the kubeconfigs."""
        if not self.folder.exists():
            return
        with self._locked():
            state = State.read(self.layout.state)
            if state:
                stopped = stop_all(self.layout, state)
                for path in (self.layout.data, self.layout.work):
                    shutil.rmtree(path, ignore_errors=True)
                replace(stopped, settings=Settings(), crds=None).write(self.layout.state)

    def status(self) -> Status:
        """How it is right now. Raises LocalError when the folder holds none."""
        return status_of(self.layout, self._state())

    def outage(self, program: str) -> AbstractContextManager[None]:
        """Within the block `etcd`, `kube-apiserver` or `kube-controller-manager` is not there, as after a crash; after it, it serves again.

        Raises LocalError when it does not run or cannot come back.
        """
        return outage(self.layout, self._state(), program)

    def last_settings(self) -> Settings:
        """Settings of the last start, the defaults when there was none."""
        state = State.read(self.layout.state)
        return state.settings if state else Settings()

    def __enter__(self) -> Self:
        if self._given_folder is None:
            self.layout = Layout(Path(tempfile.mkdtemp(prefix="harvester-local-")))
            self._temporary = True
        return self._up(owner=Handle.of(os.getpid()))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._mine:
            self.down()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    # How ----------------------------------------------------------------------------------------------------------

    def _up(self, owner: Handle | None) -> Self:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            state = State.read(self.layout.state)
            if state and state.is_running():
                self._check_same(state)
                self._report(f"already up in {self.folder}")
                return self
            if state:
                self._clean_up(state)
            start_all(self._order(state, owner), state)
            self._mine = True
        return self

    def _order(self, previous: State | None, owner: Handle | None) -> Order:
        tools = self._tools or toolchain.find(TOOLS)
        if len(tools) < len(TOOLS):
            tools = toolchain.ensure(TOOLS, report=self._report)
        return Order(
            layout=self.layout,
            settings=self._settings or (previous.settings if previous else Settings()),
            crds=self._crds or (previous.crds if previous else None),
            tools=tools,
            plane=self._plane,
            owner=owner,
            report=self._report,
        )

    def _clean_up(self, state: State) -> None:
        if dead := state.dead():
            self._report(f"{', '.join(dead)} of the last run ended unasked; stopping the rest and starting again")
        stop_all(self.layout, state)

    def _check_same(self, state: State) -> None:
        wanted = {**(self._settings or state.settings).to_json(), "crds": self._crds or state.crds}
        running = {**state.settings.to_json(), "crds": state.crds}
        if other := [f"{name} {running[name]} and not {value}" for name, value in wanted.items() if running[name] != value]:
            raise LocalError(
                f"local Harvester in {self.folder}: runs already, with {', '.join(other)}: "
                f"`pulumi-harvester local down` first, or give another --folder"
            )

    def _locked(self) -> AbstractContextManager[None]:
        return held(self.layout.lock, f"another command works on {self.folder}; waiting for it", self._report)
