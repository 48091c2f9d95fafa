"""One start of a local Harvester, step by step.

Each program is recorded the moment it runs, so that whatever happens next can be undone, by this process or by
another one. The caller holds the folder's lock.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harvester_local import guard, processes, programs
from harvester_local.errors import LocalError
from harvester_local.files import write_private
from harvester_local.layout import Layout
from harvester_local.pki import Pki, make_pki
from harvester_local.ports import LOOPBACK, PortLease
from harvester_local.processes import Handle
from harvester_local.progress import Report
from harvester_local.readiness import answers_ok, listens, until
from harvester_local.settings import Settings
from harvester_local.state import PORT_NAMES, State
from harvester_local.teardown import stop_all

ETCD_SECONDS = 30.0
APISERVER_SECONDS = 120.0
PLANE_SECONDS = 120.0
CONTROLLERS_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to start. `owner` is the process whose end ends the Harvester as well, None when it shall outlive all."""

    layout: Layout
    settings: Settings
    crds: str | None
    tools: Mapping[str, Path]
    plane: Sequence[str]
    owner: Handle | None
    report: Report


def start_all(order: Order, previous: State | None) -> State:
    """Start everything and return the state, ready. `previous` gives the ports to take again; none of it may run.

    Raises LocalError, after stopping what was started, when a program ends or is not ready in time.
    """
    layout = order.layout
    pki = make_pki(layout.pki)
    with PortLease() as lease:
        asked = previous.ports if previous else {}
        ports = {name: lease.take(asked.get(name)) for name in PORT_NAMES}
        start = _Start(order, pki, State(instance=secrets.token_hex(16), ports=ports, settings=order.settings, crds=order.crds))
        try:
            start.run()
        except BaseException:
            stop_all(layout, start.state)
            raise
    return start.state


def await_ready(name: str, handle: Handle, layout: Layout, ports: Mapping[str, int]) -> None:
    """Wait until a program that was just started serves. Raises LocalError when it ends or is not ready in time."""
    pki = Pki(layout.pki)
    ready: dict[str, tuple[Callable[[], bool], float]] = {
        "etcd": (lambda: listens(ports["etcd"]), ETCD_SECONDS),
        "kube-apiserver": (lambda: answers_ok(ports["apiserver"], "/readyz", pki), APISERVER_SECONDS),
        "plane": (layout.ready.exists, PLANE_SECONDS),
        "kube-controller-manager": (lambda: answers_ok(ports["controllers"], "/healthz", pki), CONTROLLERS_SECONDS),
    }
    holds, seconds = ready[name]
    until(holds, name=name, handle=handle, log=layout.log(name), seconds=seconds)


class _Start:
    """The steps of one start, and the state as it grows."""

    def __init__(self, order: Order, pki: Pki, state: State) -> None:
        self._order = order
        self._pki = pki
        self.state = state

    def run(self) -> None:
        order, ports, layout, pki = self._order, self.state.ports, self._order.layout, self._pki
        self._write_files()
        if order.owner:
            self._launch("guard", guard.command(layout, order.owner, self.state.instance))
        self._step("etcd", programs.etcd(order.tools["etcd"], layout, ports))
        self._step("kube-apiserver", programs.apiserver(order.tools["kube-apiserver"], pki, ports))
        self._step("plane", [*order.plane, "--config", str(layout.plane)])
        # Last, because its garbage collector looks for kinds it does not know only every 30 seconds.
        self._step("kube-controller-manager", programs.controller_manager(order.tools["kube-controller-manager"], layout, pki, ports))
        self._record(replace(self.state, ready=True))

    def _write_files(self) -> None:
        layout, ports, pki, state = self._order.layout, self.state.ports, self._pki, self.state
        self._record(state)
        layout.work.mkdir(mode=0o700, exist_ok=True)
        layout.ready.unlink(missing_ok=True)
        write_private(layout.kubeconfig, pki.token_kubeconfig(f"https://{LOOPBACK}:{ports['front']}/k8s/clusters/local", "admin"))
        write_private(layout.direct, pki.certificate_kubeconfig(f"https://{LOOPBACK}:{ports['apiserver']}"))
        plane = programs.PlaneOrder(layout, state.settings, state.crds, self._order.tools["kube-apiserver"])
        write_private(layout.plane, programs.plane_config(plane, pki, ports))

    def _step(self, name: str, command: Sequence[str]) -> None:
        began = time.monotonic()
        await_ready(name, self._launch(name, command), self._order.layout, self.state.ports)
        self._order.report(f"{name}: ready after {time.monotonic() - began:.1f} s")

    def _launch(self, name: str, command: Sequence[str]) -> Handle:
        log = self._order.layout.log(name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # the last run's; a log holds one run, so that its tail is of this one
        try:
            handle = processes.start(command, log, self.state.instance)
        except OSError as error:
            raise LocalError(f"{name}: {command[0]} cannot be run: {error.strerror}: check that file and its mode") from error
        self._record(self.state.with_process(name, handle))
        return handle

    def _record(self, state: State) -> None:
        self.state = state
        state.write(self._order.layout.state)
