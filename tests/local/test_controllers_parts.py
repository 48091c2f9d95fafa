"""Small parts of the controllers: quantities, image content, key fingerprints, network readings, fault words."""

import struct
import zlib
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import machine, network, obj

from harvester_local.api import kinds
from harvester_local.api.objects import Key, matches_expressions, merged
from harvester_local.api.quantities import binary, decimal, parse
from harvester_local.api.versions import rules_for
from harvester_local.controllers.faults import Fault, GuestEvent, fault_of, guest_event
from harvester_local.controllers.transfer import Measure, virtual_size
from harvester_local.front_door.images_host import VIRTUAL_SIZE, sample_image
from harvester_local.model.keys import fingerprint
from harvester_local.model.macs import generate_mac, is_mac
from harvester_local.model.networks import NetworkError, net_conf, vlan_status_name
from harvester_local.settings import VERSIONS, Settings


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", "2"), ("500m", "0.5"), ("2Gi", str(2 << 30)), ("1.5Ki", "1536"), ("1e3", "1000"), ("1E", str(10**18)), (".5", "0.5")],
)
def test_quantities_are_numbers(text: str, number: str) -> None:
    assert parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "x", "1Zi", "1 Gi", "--1", "1e", "Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        parse(text)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_printed_bytes_read_back_as_the_same_number(number: int) -> None:
    assert parse(binary(number)) == number


@given(st.integers(min_value=0, max_value=10**9))
def test_printed_cpus_read_back_as_the_same_number(milli: int) -> None:
    assert parse(decimal(Decimal(milli) / 1000)) == Decimal(milli) / 1000


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=1 << 50))
def test_only_a_qcow2_header_tells_another_size_than_the_file(content: bytes, size: int) -> None:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, size)
    assert virtual_size(header + content, 7) == size
    assert virtual_size(content, 7) == (7 if not content.startswith(b"QFI\xfb") else virtual_size(content, 7))


@given(st.lists(st.binary(max_size=700), max_size=8))
def test_content_is_measured_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    one, many = Measure(), Measure()
    one.feed(b"".join(pieces))
    for piece in pieces:
        many.feed(piece)
    assert one.content() == many.content()


def test_sample_images_are_what_they_say() -> None:
    measure = Measure()
    measure.feed(sample_image("ubuntu", "qcow2"))
    assert measure.content().virtual_size == VIRTUAL_SIZE
    assert measure.size % 512 == 0
    assert sample_image("a", "img")[510:512] == b"\x55\xaa"
    assert sample_image("a", "img") != sample_image("b", "img")


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILQY7SCJi1od/fVmjEPbVnNzZ5ZebnOKG2bpFvNvp/TT me@host\n"


def test_a_fingerprint_is_openssh_s_old_one() -> None:
    assert fingerprint(KEY) == "ef:29:34:13:0f:b9:5b:ea:dc:78:8c:3b:21:37:d3:9f"


@given(st.text(max_size=40))
def test_what_is_no_key_is_refused_and_never_breaks(text: str) -> None:
    with pytest.raises(ValueError, match="not an OpenSSH public key"):
        fingerprint(text)


def test_generated_addresses_are_local_and_differ() -> None:
    found = {generate_mac() for _ in range(50)}
    assert len(found) == 50
    assert all(is_mac(mac) and int(mac[:2], 16) & 0b11 == 0b10 for mac in found)


@given(st.text(max_size=30))
def test_a_network_configuration_is_read_or_refused(text: str) -> None:
    nad = obj(kinds.NETWORK, "n", spec={"config": text})
    with suppress(NetworkError):
        assert net_conf(nad).network_type.endswith("Network")


def test_a_network_s_type_follows_from_its_configuration() -> None:
    assert net_conf(network("n", vlan=5)).network_type == "L2VlanNetwork"
    assert net_conf(network("n", vlan=0)).network_type == "UntaggedNetwork"
    assert net_conf(network("n", vlan=0, vlanTrunk=[{"id": 1}])).network_type == "L2VlanTrunkNetwork"
    assert net_conf(network("n", type="kube-ovn")).network_type == "OverlayNetwork"


@given(st.text("abc-", min_size=1, max_size=12), st.text("abc-", min_size=1, max_size=100))
def test_names_of_vlan_statuses_fit_and_keep_their_checksum(cluster_network: str, node: str) -> None:
    name = vlan_status_name(cluster_network, node)
    assert len(name) <= 63
    assert name.endswith(f"-{zlib.crc32(f'{cluster_network}-{node}'.encode()):08x}")


def test_fault_words_are_read_and_unknown_ones_ignored() -> None:
    assert fault_of(machine(annotations={"local.harvester/fault": "never-stops"})) is Fault.NEVER_STOPS
    assert fault_of(machine(annotations={"local.harvester/fault": "typo"})) is None
    assert guest_event(machine(annotations={"local.harvester/guest": "crash"})) is GuestEvent.CRASH
    assert guest_event(machine()) is None


def test_keys_are_written_and_read() -> None:
    assert Key.parse("ns/a") == Key("ns", "a")
    assert Key.parse("a", "ns") == Key("ns", "a")
    assert (str(Key("", "a")), str(Key("ns", "a"))) == ("a", "ns/a")


@pytest.mark.parametrize(
    ("operator", "values", "met"),
    [
        ("In", ["a"], True),
        ("NotIn", ["a"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["1"], False),
        ("Odd", [], False),
    ],
)
def test_expressions_are_met_or_not(operator: str, values: list[str], met: bool) -> None:  # noqa: FBT001  a parameter of the test
    assert matches_expressions({"rack": "a"}, [{"key": "rack", "operator": operator, "values": values}]) is met


def test_a_merge_patch_removes_what_is_null() -> None:
    assert merged({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": 3}}) == {"b": {"c": 3, "d": 2}}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_simulated_release_has_its_rules(version: str) -> None:
    rules = rules_for(Settings(version=version).minor)
    assert len({name for name, _ in rules.settings}) == len(rules.settings) > 30
    assert "{uid}" in rules.image_class or "{name}" in rules.image_class
