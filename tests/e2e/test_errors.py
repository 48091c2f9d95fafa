"""What is an error before anything changes: each through the real CLI, with a message that names the property and the way out."""

import socket
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest
import yaml
from declared import PROGRAM, Estate, StackOf, declared, disk, estate
from images import answering
from target import IMAGE, Target

SECONDS = 60
"""More than any error that comes before a change may take."""


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


class PlainKubernetes(BaseHTTPRequestHandler):
    """What an API server without Harvester's kinds answers."""

    def do_GET(self) -> None:
        body = b"404 page not found\n"
        self.send_response(404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Nothing."""


def closed_port() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"https://127.0.0.1:{server.getsockname()[1]}"


def leading_to(kubeconfig: str, server: str) -> str:
    """The kubeconfig, with another API server."""
    found = yaml.safe_load(kubeconfig)
    for entry in found["clusters"]:
        entry["cluster"] = {"server": server}
    return yaml.safe_dump(found)


class TestConnection:
    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"harvester:kubeconfig": "/nowhere/kubeconfig"}, ["harvester:kubeconfig: ", "nor an existing file"]),
            ({"harvester:kubeconfig": "clusters: [\n  -"}, ["harvester:kubeconfig: this is no YAML"]),
            ({"harvester:kubeconfig": "some: text\nof: another kind\n"}, ["this is no kubeconfig", "Download it again"]),
            ({"harvester:context": "elsewhere"}, ["harvester:context: 'elsewhere' is no context of the kubeconfig", "choose one of"]),
        ],
        ids=["no such file", "no YAML", "no kubeconfig", "no such context"],
    )
    def test_broken_settings_are_told_at_preview_by_their_names(
        self, target: Target, stack_of: StackOf, settings: dict[str, str], says: list[str]
    ) -> None:
        here = Estate(target, stack_of(PROGRAM, **settings))
        output = here.declare(here.vm()).stack.fails("preview", seconds=SECONDS)
        for text in says:
            assert text in output

    def test_an_address_where_nobody_answers_is_told_at_preview(self, target: Target, stack_of: StackOf) -> None:
        here = Estate(target, stack_of(PROGRAM, **{"harvester:kubeconfig": leading_to(target.kubeconfig, address := closed_port())}))
        output = here.declare(here.vm()).stack.fails("preview", seconds=SECONDS)
        assert f"no answer from {address}" in output
        assert "is the address right, and the cluster up?" in output

    def test_a_kubernetes_that_is_no_harvester_is_told_at_preview(self, target: Target, stack_of: StackOf) -> None:
        with answering(PlainKubernetes) as address:
            here = Estate(target, stack_of(PROGRAM, **{"harvester:kubeconfig": leading_to(target.kubeconfig, address)}))
            output = here.declare(here.vm()).stack.fails("preview", seconds=SECONDS)
        assert "this kind is not served" in output
        assert "is it a Harvester" in output


class TestInputs:
    def test_all_broken_rules_of_a_machine_are_told_at_once_by_their_properties(self, here: Estate) -> None:
        nics = [{"name": "a", "mac_address": "52:54:00:00:00:01"}, {"name": "a", "mac_address": "52-54-00-00-00-01"}]
        nics += [{"name": "b", "mac_address": "not a MAC"}]
        here.declare(here.vm(disks=[disk("root"), disk("root"), {"name": "empty"}], network_interfaces=nics))
        output = here.stack.fails("preview", seconds=SECONDS)
        for name, says in (
            ("disks[1].name", "'root' is the name of disks[0] already"),
            ("disks[2]", "it has no source: give image, existingVolume or containerImage, or size for a blank disk"),
            ("networkInterfaces[1].name", "'a' is the name of networkInterfaces[0] already"),
            ("networkInterfaces[1].macAddress", "52-54-00-00-00-01 is that of networkInterfaces[0]: give each its own"),
            ("networkInterfaces[2].macAddress", "'not a MAC' is no MAC address: write six pairs of hexadecimal digits"),
        ):
            assert f"property {name} value" in output
            assert says in output

    def test_values_of_a_wrong_shape_are_told_at_once_by_their_properties(self, here: Estate) -> None:
        here.declare(here.vm(memory="12 potatoes", disks=[disk("root", "ten")], stop={"deadline": "soon"}))
        output = here.stack.fails("preview", seconds=SECONDS)
        for name, says in (
            ("memory", "'12 potatoes' is not a quantity: write a number with a unit"),
            ("disks[0].size", "'ten' is not a quantity"),
            ("stop.deadline", "'soon' is not a duration: write 30s"),
        ):
            assert f"property {name} value" in output
            assert says in output

    @pytest.mark.parametrize("vlan", [0, 4095])
    def test_a_vlan_that_does_not_exist_is_told_at_preview(self, here: Estate, vlan: int) -> None:
        here.declare(declared("VlanNetwork", "net", cluster_network="mgmt", vlan_id=vlan))
        output = here.stack.fails("preview", seconds=SECONDS)
        assert "property vlanId value" in output
        assert f"{vlan} is no VLAN ID: use 1 to 4094" in output

    def test_a_checksum_of_another_kind_is_told_at_preview(self, here: Estate) -> None:
        output = here.declare(here.image(checksum="ab" * 32)).stack.fails("preview", seconds=SECONDS)
        assert "property checksum value" in output
        assert "64 digits are a SHA-256, which Harvester does not take" in output


class TestCluster:
    def test_an_object_that_somebody_else_made_is_told_at_preview_and_left_alone_until_it_is_adopted(self, here: Estate) -> None:
        core, where = here.target.core, here.target.namespace
        before = core.create_namespaced_secret(where, {"metadata": {"name": "theirs"}, "stringData": {"other": "x"}})
        here.declare(declared("CloudInit", "theirs", user_data="#cloud-config\npackages: [git]\n"))
        output = here.stack.fails("preview", seconds=SECONDS)
        assert "property name value" in output
        assert "an object of that name exists, and it was not made by this program" in output
        assert "choose another name, delete it, or set adopt=True" in output
        assert core.read_namespaced_secret("theirs", where).metadata.resource_version == before.metadata.resource_version
        here.declare(declared("CloudInit", "theirs", user_data="#cloud-config\npackages: [git]\n", adopt=True)).stack.up()
        found = core.read_namespaced_secret("theirs", where)
        assert found.data.keys() == {"other", "userdata"}
        here.declare(declared("CloudInit", "theirs", user_data="#cloud-config\npackages: [git]\n")).stack.shows_no_change()

    def test_a_network_and_an_image_that_do_not_exist_are_told_at_preview_and_nothing_is_made(self, here: Estate) -> None:
        where = here.target.namespace
        nics = [{"name": "a", "network": f"{where}/nowhere"}]
        here.declare(here.vm(disks=[disk("root", image=f"{where}/nothing")], network_interfaces=nics))
        says = (
            f"disks[0].image: VirtualMachineImage {where}/nothing does not exist: give the id of an Image",
            f"networkInterfaces[0].network: NetworkAttachmentDefinition {where}/nowhere does not exist: give the id of a VlanNetwork",
        )
        preview = here.stack.preview()
        output = here.stack.fails("up", "--yes", "--skip-preview", seconds=SECONDS)
        for text in says:
            assert text in preview
            assert text in output
        assert here.target.leftovers() == []

    def test_an_image_whose_url_answers_404_fails_in_the_servers_words_and_goes_on_with_a_right_one(self, here: Estate) -> None:
        url = f"{here.target.image_url}.missing"
        output = here.declare(here.image(url=url, retry=0)).stack.fails("up", "--yes", "--skip-preview")
        assert "import failed" in output
        assert "404" in output
        assert f"check url ({url})" in output
        here.declare(here.image(retry=0)).stack.up()
        assert here.target.names(IMAGE) == ["image"]
        here.stack.shows_no_change()

    def test_an_image_whose_content_has_another_checksum_fails(self, here: Estate) -> None:
        output = here.declare(here.image(checksum="ab" * 64, retry=0)).stack.fails("up", "--yes", "--skip-preview")
        assert "import failed" in output
        assert "check url and checksum" in output

    def test_a_machine_that_no_node_takes_fails_with_the_schedulers_words_and_runs_once_it_may(self, here: Estate) -> None:
        output = here.declare(here.vm(node_selector={"no-node": "has-this"})).stack.fails("up", "--yes", "--skip-preview")
        assert "no node takes it: 0/" in output
        assert "didn't match Pod's node affinity/selector" in output
        assert "Next: lower cpu or memory, change nodeSelector or the networks, or free a node" in output
        here.declare(here.vm()).stack.up()
        assert here.object()["status"]["ready"]
        here.stack.shows_no_change()
