"""The builders of user data and network data: what they write is what cloud-init reads, and bad values are named."""

import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.json import merged
from harvester_provider.resources.cloud_init import KIND, CloudInitInputs
from harvester_provider.resources.cloud_init.build import Ethernet, File, NetworkData, Route, User, UserData
from harvester_provider.resources.cloud_init.document import text_of

TWO_NICS = {"eth0": Ethernet(dhcp4=True), "eth1": Ethernet(addresses=["203.0.113.3/24"])}


def read(document: UserData | NetworkData) -> Any:
    return yaml.safe_load(document.text())


def test_two_nics_in_version_1() -> None:
    assert NetworkData(TWO_NICS, version=1).text() == (
        "network:\n"
        "  version: 1\n"
        "  config:\n"
        "  - type: physical\n"
        "    name: eth0\n"
        "    subnets:\n"
        "    - type: dhcp\n"
        "  - type: physical\n"
        "    name: eth1\n"
        "    subnets:\n"
        "    - type: static\n"
        "      address: 203.0.113.3/24\n"
    )


def test_two_nics_in_version_2() -> None:
    assert read(NetworkData(TWO_NICS)) == {
        "network": {"version": 2, "ethernets": {"eth0": {"dhcp4": True}, "eth1": {"addresses": ["203.0.113.3/24"]}}}
    }


SERVER = Ethernet(
    mac="52:54:00:AB:12:34",
    set_name="lan",
    addresses=["10.0.0.5/24", "fd00::5/64"],
    gateway4="10.0.0.1",
    gateway6="fd00::1",
    routes=[Route(to="10.8.0.0/16", via="10.0.0.2", metric=0)],
    nameservers=["10.0.0.53"],
    search=["example.org"],
    mtu=9000,
)


def test_a_fixed_address_with_all_that_belongs_to_it_in_version_2() -> None:
    assert read(NetworkData({"nic0": SERVER}))["network"]["ethernets"]["nic0"] == {
        "match": {"macaddress": "52:54:00:ab:12:34"},
        "set-name": "lan",
        "addresses": ["10.0.0.5/24", "fd00::5/64"],
        "routes": [
            {"to": "0.0.0.0/0", "via": "10.0.0.1"},
            {"to": "::/0", "via": "fd00::1"},
            {"to": "10.8.0.0/16", "via": "10.0.0.2", "metric": 0},
        ],
        "nameservers": {"addresses": ["10.0.0.53"], "search": ["example.org"]},
        "mtu": 9000,
    }


def test_a_fixed_address_with_all_that_belongs_to_it_in_version_1() -> None:
    (nic,) = read(NetworkData({"nic0": SERVER}, version=1))["network"]["config"]
    first, second = nic.pop("subnets")
    assert nic == {"type": "physical", "name": "lan", "mac_address": "52:54:00:ab:12:34", "mtu": 9000}
    assert second == {"type": "static6", "address": "fd00::5/64"}
    assert (first["type"], first["address"], first["dns_nameservers"], first["dns_search"]) == (
        "static", "10.0.0.5/24", ["10.0.0.53"], ["example.org"],
    )  # fmt: skip
    assert first["routes"][0] == {"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}


def test_a_nic_can_be_found_by_a_pattern() -> None:
    assert read(NetworkData({"first": Ethernet(match_name="enp*", dhcp4=True, dhcp6=True, optional=True)}))["network"]["ethernets"] == {
        "first": {"match": {"name": "enp*"}, "dhcp4": True, "dhcp6": True, "optional": True}
    }


def test_what_the_builder_does_not_know_is_merged_in() -> None:
    more = {"ethernets": {"eth0": {"dhcp4-overrides": {"use-dns": False}}}, "bonds": {"b": {"interfaces": ["eth1"]}}}
    network = read(NetworkData(TWO_NICS, extra=more))["network"]
    assert network["ethernets"]["eth0"] == {"dhcp4": True, "dhcp4-overrides": {"use-dns": False}}
    assert network["bonds"] == {"b": {"interfaces": ["eth1"]}}
    listed = read(NetworkData(TWO_NICS, version=1, extra={"config": [{"type": "nameserver", "address": "1.1.1.1"}]}))["network"]["config"]
    assert [entry["type"] for entry in listed] == ["physical", "physical", "nameserver"]


BAD_NICS: list[tuple[Ethernet, str]] = [
    (Ethernet(mac="52:54:00:ab:12"), "mac"),
    (Ethernet(mac="52-54-00-ab-12-34"), "mac"),
    (Ethernet(set_name="lan"), "set_name"),
    (Ethernet(mtu=0), "mtu"),
    (Ethernet(addresses=["10.0.0.1/24", "10.0.0.2"]), "addresses[1]"),
    (Ethernet(addresses=["10.0.0.300/24"]), "addresses[0]"),
    (Ethernet(addresses=["10.0.0.3/33"]), "addresses[0]"),
    (Ethernet(gateway4="fd00::1"), "gateway4"),
    (Ethernet(gateway6="10.0.0.1"), "gateway6"),
    (Ethernet(nameservers=["dns.example.org"]), "nameservers[0]"),
    (Ethernet(routes=[Route(to="10.0.0.1/8", via="10.0.0.1")]), "routes[0].to"),
    (Ethernet(routes=[Route(to="default", via="10.0.0.1")]), "routes[0].to"),
    (Ethernet(routes=[Route(to="10.0.0.0/8", via="gw")]), "routes[0].via"),
    (Ethernet(routes=[Route(to="10.0.0.0/8", via="fd00::1")]), "routes[0].via"),
    (Ethernet(addresses="10.0.0.1/24"), "addresses"),
]


@pytest.mark.parametrize(("nic", "field"), BAD_NICS)
@pytest.mark.parametrize("version", [1, 2])
def test_a_bad_value_of_a_nic_is_named(nic: Ethernet, field: str, version: Any) -> None:
    with pytest.raises(ValueError, match="network data: ethernets") as caught:
        NetworkData({"eth0": Ethernet(dhcp4=True), "eth7": nic}, version=version).text()
    assert f"ethernets[eth7].{field}: " in str(caught.value)


def test_all_bad_values_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"eth0.*mac.*eth0.*gateway4.*eth1.*mtu"):
        NetworkData({"eth0": Ethernet(mac="x", gateway4="y"), "eth1": Ethernet(mtu=1)}).text()


@pytest.mark.parametrize(
    "nic",
    [Ethernet(match_name="e*"), Ethernet(optional=True), Ethernet(routes=[Route(to="10.0.0.0/8", via="10.0.0.1", on_link=True)])],
)
def test_what_version_1_cannot_say_is_refused_there(nic: Ethernet) -> None:
    NetworkData({"eth0": nic}).text()
    with pytest.raises(ValueError, match="version 2 of network data only"):
        NetworkData({"eth0": nic}, version=1).text()


def test_an_output_of_pulumi_is_refused_with_the_way_out() -> None:
    class Output:
        """Stands for a value that is not known while the program runs."""

    later: Any = Output()
    with pytest.raises(ValueError, match=r"ethernets\[eth0\]\.addresses\[0\]: Output is no plain value.*apply"):
        NetworkData({"eth0": Ethernet(addresses=[later])}).text()
    with pytest.raises(ValueError, match=r"ssh_authorized_keys\[0\]: Output is no plain value"):
        UserData(ssh_authorized_keys=[later]).text()
    with pytest.raises(ValueError, match=r"extra\[a\]\[b\]: Output is no plain value"):
        UserData(extra={"a": {"b": later}}).text()


def test_user_data_reads_like_a_hand_written_document() -> None:
    document = UserData(
        hostname="web-1",
        ssh_authorized_keys=["ssh-ed25519 AAAA me"],
        packages=["nginx"],
        guest_agent=True,
        write_files=[File(path="/etc/motd", content="Hello\nthere\n", permissions="0644")],
        runcmd=["echo done", ["touch", "/ready"]],
    )
    assert document.text() == (
        "#cloud-config\n"
        "hostname: web-1\n"
        "ssh_authorized_keys:\n"
        "- ssh-ed25519 AAAA me\n"
        "package_update: true\n"
        "packages:\n"
        "- nginx\n"
        "- qemu-guest-agent\n"
        "write_files:\n"
        "- path: /etc/motd\n"
        "  content: |\n"
        "    Hello\n"
        "    there\n"
        "  permissions: '0644'\n"
        "runcmd:\n"
        "- - systemctl\n"
        "  - enable\n"
        "  - --now\n"
        "  - qemu-guest-agent.service\n"
        "- echo done\n"
        "- - touch\n"
        "  - /ready\n"
    )


def test_further_users_come_beside_the_images_own_unless_it_is_left_out() -> None:
    ops = User(name="ops", ssh_authorized_keys=["k"], groups=["wheel"], sudo="ALL=(ALL) NOPASSWD:ALL", hashed_password="$6$x")
    entry = {
        "name": "ops", "ssh_authorized_keys": ["k"], "groups": ["wheel"], "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "passwd": "$6$x", "lock_passwd": False,
    }  # fmt: skip
    assert read(UserData(users=[ops]))["users"] == ["default", entry]
    assert read(UserData(users=[ops], default_user=False))["users"] == [entry]


def test_a_password_does_not_expire_unless_it_is_told_to() -> None:
    assert read(UserData(password="p")) == {"password": "p", "chpasswd": {"expire": False}}
    assert read(UserData(password="p", password_expires=True))["chpasswd"] == {"expire": True}


def test_a_refusal_can_be_said() -> None:
    assert read(UserData(ssh_password_login=False, package_update=False, guest_agent=True)) == {
        "ssh_pwauth": False,
        "package_update": False,
        "packages": ["qemu-guest-agent"],
        "runcmd": [["systemctl", "enable", "--now", "qemu-guest-agent.service"]],
    }


def test_a_name_with_a_domain_is_a_fully_qualified_one() -> None:
    assert read(UserData(hostname="web-1.example.org")) == {"fqdn": "web-1.example.org"}


def test_extra_settings_continue_lists_and_win_over_values() -> None:
    document = UserData(hostname="a", packages=["x"], extra={"packages": ["y"], "hostname": "b", "ntp": {"enabled": True}})
    assert read(document) == {"hostname": "b", "packages": ["x", "y"], "ntp": {"enabled": True}}


BAD_USER_DATA: list[tuple[UserData, str]] = [
    (UserData(hostname="web_1"), "hostname"),
    (UserData(hostname="-web"), "hostname"),
    (UserData(users=[User(name="")]), "users[0].name"),
    (UserData(users=[User(name="a b")]), "users[0].name"),
    (UserData(users=[User(name="a"), User(name="a")]), "users"),
    (UserData(users=[User(name="a", password="x", hashed_password="y")]), "users[0].password"),
    (UserData(write_files=[File(path="etc/motd", content="")]), "write_files[0].path"),
    (UserData(write_files=[File(path="/etc/motd", content="", permissions="rw")]), "write_files[0].permissions"),
    (UserData(runcmd="reboot"), "runcmd"),
    (UserData(users=[User(name="a", groups="wheel")]), "users[0].groups"),
]


@pytest.mark.parametrize(("document", "field"), BAD_USER_DATA)
def test_a_bad_value_of_user_data_is_named(document: UserData, field: str) -> None:
    with pytest.raises(ValueError, match="user data: ") as caught:
        document.text()
    assert f"user data: {field}: " in str(caught.value)


def test_no_password_is_in_a_message() -> None:
    with pytest.raises(ValueError, match="exclude each other") as caught:
        UserData(users=[User(name="a", password="geheim1", hashed_password="geheim2")]).text()
    assert "geheim" not in str(caught.value)


def test_an_empty_document_is_a_document() -> None:
    assert read(UserData()) == {}
    assert read(NetworkData({})) == {"network": {"version": 2, "ethernets": {}}}


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(st.text(max_size=8), values, max_size=4))
def test_every_document_reads_back_as_what_was_written(value: Any) -> None:
    assert yaml.safe_load(text_of(value)) == value
    assert text_of(value) == text_of(value)


@given(values, values)
def test_merging_keeps_every_key_of_both(base: Any, extra: Any) -> None:
    result = merged({"a": base}, {"a": extra, "b": 1})
    assert isinstance(result, dict)
    assert set(result) == {"a", "b"}
    assert merged(base, {}) == (base if isinstance(base, dict) else {})


lines = st.text(string.printable, max_size=40)
users = st.lists(
    st.builds(User, name=st.text("abc", min_size=1, max_size=4), ssh_authorized_keys=st.lists(lines, max_size=2), sudo=lines), max_size=2
)
documents = st.builds(
    UserData,
    ssh_authorized_keys=st.lists(lines, max_size=2),
    password=lines,
    users=users.filter(lambda some: len({user.name for user in some}) == len(some)),
    packages=st.lists(lines, max_size=2),
    write_files=st.lists(st.builds(File, path=lines.map(lambda text: "/" + text), content=lines), max_size=2),
    runcmd=st.lists(lines | st.lists(lines, max_size=3), max_size=3),
    guest_agent=st.booleans(),
)


@given(documents)
def test_every_user_data_is_a_cloud_config_with_its_values(document: UserData) -> None:
    content = read(document)
    assert document.text().startswith("#cloud-config\n")
    assert content.get("ssh_authorized_keys", []) == list(document.ssh_authorized_keys)
    assert content.get("password", "") == document.password
    assert [each["content"] for each in content.get("write_files", [])] == [each.content for each in document.write_files]
    assert content.get("runcmd", [])[int(document.guest_agent) :] == list(document.runcmd)


addresses = st.ip_addresses(v=4).map(lambda address: f"{address}/24") | st.ip_addresses(v=6).map(lambda address: f"{address}/64")
macs = st.binary(min_size=6, max_size=6).map(lambda value: value.hex(":"))
nics = st.builds(
    Ethernet,
    mac=st.just("") | macs,
    dhcp4=st.booleans(),
    addresses=st.lists(addresses, max_size=2),
    gateway4=st.just("") | st.ip_addresses(v=4).map(str),
    nameservers=st.lists(st.ip_addresses().map(str), max_size=2),
    mtu=st.none() | st.integers(68, 65535),
)


@given(st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=5), nics, min_size=1, max_size=3), st.sampled_from([1, 2]))
def test_every_network_data_keeps_its_nics_and_is_accepted_by_the_kind(ethernets: dict[str, Ethernet], version: Any) -> None:
    document = NetworkData(ethernets, version=version)
    network = read(document)["network"]
    found = [(each["name"], each.get("mac_address", "")) for each in network["config"]] if version == 1 else [
        (name, each.get("match", {}).get("macaddress", "")) for name, each in network["ethernets"].items()
    ]  # fmt: skip
    assert found == [(name, nic.mac) for name, nic in ethernets.items()]
    assert not KIND.check(CloudInitInputs(name="web", network_data=document.text()))
