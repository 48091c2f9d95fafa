"""What the dynamic provider's host process does with settings, threads, unknown values and errors."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dill
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown as HostUnknown
from pulumi.runtime.rpc import UNKNOWN as HOST_UNKNOWN
from pulumi.runtime.rpc import is_rpc_secret

from harvester_provider.core.errors import BadConnection
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine.verbs import Found
from harvester_provider.frontends.dynamic import DynamicProvider
from harvester_provider.frontends.host import Host, _to_core, _to_host, concealed, lift_worker_limit, settings_of
from harvester_provider.frontends.log import EngineLog
from harvester_provider.resources.provider import ProviderSettings


def test_the_pickled_provider_is_tiny_and_holds_only_the_kinds_name() -> None:
    text = serialize_provider(DynamicProvider("Image"))
    assert len(text) < 250
    assert text == serialize_provider(DynamicProvider("Image"))
    assert vars(dill.loads(dill.dumps(DynamicProvider("Image"), recurse=True))) == {"kind": "Image"}  # noqa: S301  our own bytes


def test_the_hosts_limit_of_four_calls_is_lifted_from_one_of_its_threads() -> None:
    with ThreadPoolExecutor(max_workers=4) as executor:
        assert executor.submit(lift_worker_limit, 32).result()
        assert executor._max_workers == 32


def test_outside_of_a_host_the_limit_is_left_alone() -> None:
    assert not lift_worker_limit(32)


def test_settings_come_from_the_programs_configuration() -> None:
    given = {
        "harvester:host": "https://h",
        "harvester:token": "t",
        "harvester:clusters": '{"edge": {"kubeconfig": "/k", "context": "c"}}',
        "other:host": "x",
    }
    settings = settings_of(given.get)
    assert (settings.host, settings.token) == ("https://h", "t")
    assert settings.connection("edge").context == "c"
    assert settings.connection(None) is settings


@pytest.mark.parametrize(
    "given", [{"harvester:clusters": "{"}, {"harvester:maxRequests": "many"}, {"harvester:clusters": '{"a": {"kubecfg": 1}}'}]
)
def test_broken_settings_name_the_configuration(given: dict[str, str]) -> None:
    with pytest.raises(BadConnection, match="harvester:"):
        settings_of(given.get)


def test_unknown_values_are_translated_both_ways_at_any_depth() -> None:
    host = {"a": HOST_UNKNOWN, "b": [{"c": HOST_UNKNOWN}], "d": 1, "__provider": "x"}
    core = _to_core(host)
    assert core == {"a": UNKNOWN, "b": [{"c": UNKNOWN}], "d": 1}
    assert _to_host(core) == {"a": HOST_UNKNOWN, "b": [{"c": HOST_UNKNOWN}], "d": 1}


def test_an_unknown_object_inside_of_a_value_is_translated_too() -> None:
    assert _to_core({"a": [{"b": HostUnknown()}]}) == {"a": [{"b": UNKNOWN}]}


def test_secrets_of_a_resource_that_is_only_read_are_marked() -> None:
    found = concealed(
        "VirtualMachine", Found("default/vm", {"cloudInit": {"userData": "x"}}, {"cloudInit": {"userData": "x"}, "name": "vm"})
    )
    for values in (found.inputs, found.state):
        assert is_rpc_secret(values["cloudInit"]["userData"])  # type: ignore[index,call-overload]  a mapping
    assert found.state["name"] == "vm"


class TestHost:
    @pytest.fixture
    def host(self, tmp_path: Any) -> Host:
        return Host(ProviderSettings(kubeconfig=str(tmp_path / "missing")), EngineLog(""))

    def test_a_missing_kubeconfig_is_told_before_a_create(self, host: Host) -> None:
        _, problems = host.check("Image", {}, {"name": "a", "url": "https://example.org/a.qcow2"})
        assert "nor an existing file" in problems[0].reason

    def test_an_existing_resource_is_checked_without_a_connection(self, host: Host) -> None:
        inputs, problems = host.check("Image", {"name": "a"}, {"name": "a", "url": "https://example.org/a.qcow2"})
        assert not problems
        assert inputs["namespace"] == "default"

    def test_an_unknown_cluster_name_is_told(self, host: Host) -> None:
        _, problems = host.check("Image", {}, {"name": "a", "url": "https://example.org/a.qcow2", "cluster": "edge"})
        assert "'edge' is not in harvester:clusters" in problems[0].reason

    def test_problems_of_the_inputs_carry_pulumis_property_paths(self, host: Host) -> None:
        _, problems = host.check("Image", {}, {"name": "A", "url": "https://example.org/a.qcow2", "retry": "often"})
        assert {problem.property for problem in problems} == {"name", "retry"}


def test_only_our_own_errors_lose_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    from harvester_provider.frontends.host import _quiet_grpc  # noqa: PLC0415  it changes a logger

    logger = logging.getLogger("grpc._server")
    before = list(logger.filters)
    _quiet_grpc()
    try:
        for error in (BadConnection("ours"), RuntimeError("a bug")):
            try:
                raise error  # noqa: TRY301  there must be a current exception to log
            except Exception:
                logger.exception("Exception calling application")
    finally:
        logger.filters[:] = before
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]
