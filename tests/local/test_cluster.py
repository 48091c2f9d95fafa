"""The life cycle of a local Harvester, with real programs and a stand-in for the plane."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
import yaml
from kubernetes import client, config, watch
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from harvester_local import processes
from harvester_local.cluster import LocalHarvester
from harvester_local.errors import LocalError
from harvester_local.ports import LOOPBACK
from harvester_local.processes import Handle
from harvester_local.programs import TOOLS
from harvester_local.settings import Settings
from harvester_local.state import State

SECONDS = 30
"""How long anything that must happen may take."""
PROGRAMS = {"etcd", "kube-apiserver", "plane", "kube-controller-manager"}


class Maker:
    """Makes local Harvesters that share one folder."""

    def __init__(self, folder: Path, tools: Mapping[str, Path], stand_in: Callable[[str], Sequence[str]]) -> None:
        self.folder, self.tools, self.stand_in = folder, tools, stand_in
        self.lines: list[str] = []

    def __call__(
        self,
        plane: str = "ready",
        settings: Settings | None = None,
        tools: Mapping[str, Path] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> LocalHarvester:
        return LocalHarvester(
            settings, folder=self.folder, tools=tools or self.tools, plane=self.stand_in(plane), report=report or self.lines.append
        )


@pytest.fixture
def make(tools: Mapping[str, Path], stand_in: Callable[[str], Sequence[str]], tmp_path: Path) -> Iterator[Maker]:
    maker = Maker(tmp_path / "local", tools, stand_in)
    yield maker
    maker().down()


@pytest.fixture(scope="module")
def running(
    tools: Mapping[str, Path], stand_in: Callable[[str], Sequence[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalHarvester]:
    with LocalHarvester(folder=tmp_path_factory.mktemp("running"), tools=tools, plane=stand_in("ready")) as local:
        yield local


def recorded(local: LocalHarvester) -> State:
    state = State.read(local.layout.state)
    assert state is not None
    return state


def direct(local: LocalHarvester) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(local.kubeconfig_direct)))


def pids(local: LocalHarvester) -> dict[str, int]:
    return {name: handle.pid for name, handle in recorded(local).processes.items()}


def wait_until_gone(handles: Sequence[Handle]) -> None:
    assert not processes.still_running([process for handle in handles if (process := handle.process())], SECONDS)


# -- one that is up ---------------------------------------------------------------------------------------------------


def test_the_direct_kubeconfig_reaches_the_api_server_as_an_administrator(running: LocalHarvester) -> None:
    names = {item.metadata.name for item in direct(running).list_namespace().items}
    assert {"default", "kube-system"} <= names


def test_the_users_kubeconfig_points_at_the_front_door_with_the_admin_token(running: LocalHarvester) -> None:
    told = yaml.safe_load(running.kubeconfig_text)
    assert told["clusters"][0]["cluster"]["server"] == f"{running.endpoint}/k8s/clusters/local"
    assert told["users"][0]["user"] == {"token": running.tokens["admin"]}


def test_the_admin_token_may_read_all_secrets_and_the_others_may_not(running: LocalHarvester) -> None:
    url = f"https://127.0.0.1:{recorded(running).ports['apiserver']}/api/v1/secrets"
    answers = {
        user: requests.get(url, headers={"Authorization": f"Bearer {token}"}, verify=str(running.ca), timeout=SECONDS).status_code
        for user, token in running.tokens.items()
    }
    assert answers == {"admin": 200, "guest": 403, "rancher": 403}


def test_an_object_goes_with_its_owner(running: LocalHarvester) -> None:
    api = direct(running)
    owner = api.create_namespaced_config_map("default", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    owned = api.create_namespaced_config_map("default", {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    api.delete_namespaced_config_map("owner", "default")
    changes = watch.Watch().stream(
        api.list_namespaced_config_map, "default", resource_version=owned.metadata.resource_version, timeout_seconds=SECONDS
    )
    assert any(change["type"] == "DELETED" and change["object"].metadata.name == "owned" for change in changes)


def test_a_deleted_namespace_goes_away(running: LocalHarvester) -> None:
    api = direct(running)
    version = api.create_namespace({"metadata": {"name": "short-lived"}}).metadata.resource_version
    api.delete_namespace("short-lived")
    changes = watch.Watch().stream(api.list_namespace, resource_version=version, timeout_seconds=SECONDS)
    assert any(change["type"] == "DELETED" for change in changes)


def test_it_listens_on_loopback_only(running: LocalHarvester) -> None:
    ours = set(pids(running).values())
    listening = [c for c in psutil.net_connections("inet") if c.pid in ours and c.status == psutil.CONN_LISTEN]
    assert listening
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_keys_tokens_and_kubeconfigs_are_the_owners_alone(running: LocalHarvester) -> None:
    secret = ["kubeconfig", "kubeconfig-direct", "plane.json", "state.json", "pki/ca.key", "pki/client.key", "pki/tokens.csv"]
    assert {name: stat.filemode((running.folder / name).stat().st_mode) for name in secret} == dict.fromkeys(secret, "-rw-------")


def test_a_second_up_finds_the_first(running: LocalHarvester) -> None:
    before, lines = pids(running), list[str]()
    with LocalHarvester(folder=running.folder, report=lines.append) as second:
        assert pids(second) == before
    assert pids(running) == before, "what the second one did not start, it must not stop"
    assert lines == [f"already up in {running.folder}"]


def test_a_second_up_with_other_settings_is_refused(running: LocalHarvester) -> None:
    with pytest.raises(LocalError, match=r"runs already, with nodes 3 and not 1: `pulumi-harvester local down` first"):
        LocalHarvester(Settings(nodes=1), folder=running.folder).up()


def test_status_names_every_program_with_its_ports(running: LocalHarvester) -> None:
    status = running.status()
    assert status.state == "up"
    assert {program.name for program in status.programs if program.running} == PROGRAMS | {"guard"}
    assert all(program.version for program in status.programs if program.name in TOOLS)
    assert {"front", "images", "webhook"} == {port for program in status.programs if program.name == "plane" for port in program.ports}


# -- crash, down, reset -----------------------------------------------------------------------------------------------


@retry(stop=stop_after_delay(SECONDS), wait=wait_fixed(0.01), retry=retry_if_result(bool))
def still_listens(address: tuple[str, int]) -> bool:
    """Whether somebody listens there; asked until nobody does."""
    with socket.socket() as knock:
        return knock.connect_ex(address) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse a port that is kept to its own server, too")
def test_nobody_else_gets_a_port_of_a_program_that_is_away(running: LocalHarvester) -> None:
    state = State.read(running.layout.state)
    assert state is not None
    peers = (LOOPBACK, state.ports["etcd-peer"])
    with running.outage("etcd"), socket.socket() as stranger:
        still_listens(peers)
        with pytest.raises(OSError, match="in use"):
            stranger.bind(peers)
    assert running.status().state == "up"


def test_after_a_crash_up_starts_again_with_the_same_data_ports_and_kubeconfig(make: Maker) -> None:
    local = make().up()
    before, kubeconfig = recorded(local), local.kubeconfig_text
    direct(local).create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
    os.kill(before.processes["kube-apiserver"].pid, signal.SIGKILL)
    wait_until_gone([before.processes["kube-apiserver"]])
    assert local.status().state == "broken"

    local.up()
    assert "kube-apiserver of the last run ended unasked; stopping the rest and starting again" in make.lines
    assert not set(pids(local).values()) & {handle.pid for handle in before.processes.values()}
    assert all(handle.process() is None for handle in before.processes.values())
    assert (recorded(local).ports, local.kubeconfig_text) == (before.ports, kubeconfig)
    assert direct(local).read_namespaced_config_map("kept", "default")

    local.down()
    assert local.status().state == "down"
    assert not processes.marked(recorded(local).instance)


def test_reset_drops_the_data_and_keeps_the_kubeconfig(make: Maker) -> None:
    local = make().up()
    kubeconfig = local.kubeconfig_text
    direct(local).create_namespaced_config_map("default", {"metadata": {"name": "dropped"}})
    local.reset()
    local.up()
    assert local.kubeconfig_text == kubeconfig
    assert "dropped" not in {item.metadata.name for item in direct(local).list_namespaced_config_map("default").items}


def test_a_foreign_process_with_a_recorded_pid_is_left_alone(make: Maker) -> None:
    foreign = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        local = make()
        local.folder.mkdir()
        long_ago = Handle(foreign.pid, Handle.of(foreign.pid).started - 3600)
        State(instance="i", ports={}, settings=Settings(), processes={"etcd": long_ago}, ready=True).write(local.layout.state)
        local.down()
        assert foreign.poll() is None
        assert recorded(local).processes == {}
    finally:
        foreign.kill()
        foreign.wait()


def test_a_process_that_missed_the_record_is_stopped_all_the_same(make: Maker) -> None:
    local = make()
    stray = processes.start([sys.executable, "-c", "import signal; signal.pause()"], local.layout.log("stray"), "mark-of-this-test")
    State(instance="mark-of-this-test", ports={}, settings=Settings()).write(local.layout.state)
    local.down()
    assert stray.process() is None


def test_two_ups_at_once_start_one_harvester(make: Maker) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda local: pids(local.up()), [make(), make()])
    assert first == second
    assert f"another command works on {make.folder}; waiting for it" in make.lines
    assert f"already up in {make.folder}" in make.lines


# -- starts that fail -------------------------------------------------------------------------------------------------


def test_a_program_that_ends_while_starting_is_told_with_its_last_words_and_leaves_nothing(make: Maker) -> None:
    with pytest.raises(
        LocalError, match=r"(?s)^plane: ended while starting with exit code 1.*the front door is jammed.*Next: read .*plane\.log"
    ):
        make("fail").up()
    assert make().status().state == "down"
    assert not processes.marked(recorded(make()).instance)


def test_a_program_that_cannot_be_run_is_named(make: Maker) -> None:
    with pytest.raises(LocalError, match=r"^etcd: .*no-such-file cannot be run: No such file or directory"):
        make(tools={**make.tools, "etcd": make.folder / "no-such-file"}).up()


def test_an_interrupted_start_leaves_nothing(make: Maker) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("etcd: ready"):
            seen.append(make().status().state)
            raise KeyboardInterrupt

    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        make(report=interrupt).up()
    assert seen == ["starting"]
    assert not processes.marked(recorded(make()).instance)


# -- context manager --------------------------------------------------------------------------------------------------


def test_the_context_manager_stops_all_when_its_block_raises(make: Maker) -> None:
    def block() -> None:
        with make() as local:
            seen.append(recorded(local))
            raise ZeroDivisionError

    seen: list[State] = []
    with pytest.raises(ZeroDivisionError):
        block()
    [started] = seen
    assert set(started.processes) == PROGRAMS | {"guard"}
    assert all(handle.process() is None for handle in started.processes.values())


def test_a_temporary_folder_goes_with_the_block(tools: Mapping[str, Path], stand_in: Callable[[str], Sequence[str]]) -> None:
    with LocalHarvester(tools=tools, plane=stand_in("ready")) as local:
        assert local.kubeconfig.exists()
    assert not local.folder.exists()


OWNER = """
import sys
from pathlib import Path
from harvester_local.cluster import LocalHarvester

folder, plane, *tools = sys.argv[1:]
names = ("etcd", "kube-apiserver", "kube-controller-manager")
say = lambda line: print(line, flush=True)
with LocalHarvester(folder=folder, tools=dict(zip(names, map(Path, tools))), plane=(sys.executable, plane, "ready"), report=say):
    say("inside")
    sys.stdin.read()
"""


@pytest.mark.parametrize("moment", ["etcd: ready", "inside"])
def test_a_killed_owner_leaves_no_processes(make: Maker, moment: str) -> None:
    plane = make.stand_in("ready")[1]
    command = [sys.executable, "-c", OWNER, str(make.folder), plane, *map(str, make.tools.values())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert any(line.startswith(moment) for line in owner.stdout)
        started = recorded(make())
        owner.kill()
    wait_until_gone([*started.processes.values()])
    assert not processes.marked(started.instance)
