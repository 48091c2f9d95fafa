"""The files of an installation from a program: no cluster is asked, and the token is no plain text in the state.

The program declares no resource, so that it needs neither of the front ends; it is run with the plugin chosen, which must not be asked for.
"""

from collections.abc import Callable
from pathlib import Path

import yaml
from stack import Stack


def test_a_program_writes_the_files_of_an_installation(stack_of: Callable[..., Stack], tmp_path: Path) -> None:
    settings = {"harvester:frontend": "plugin", "folder": str(tmp_path / "files"), "token": "a token that nobody guesses"}
    stack = stack_of("08-bare-metal", **settings)
    stack.up()
    assert stack.resources() == []
    read = {str(path.relative_to(tmp_path / "files")): path.read_text() for path in (tmp_path / "files").rglob("*") if path.is_file()}
    config = yaml.safe_load(read["rke2/parvester/etc/rancher/rke2/config.yaml"])
    assert config == {
        "token": "a token that nobody guesses",
        "write-kubeconfig-mode": "0644",
        "tls-san": ["parvester.192.168.48.73.sslip.io", "192.168.48.73"],
    }
    assert [yaml.safe_load(read[f"harvester/node{n}.yaml"])["install"]["mode"] for n in (1, 2, 3)] == ["create", "join", "join"]
    assert "chain http://192.168.48.1/harvester/node2.ipxe" in read["harvester/boot.ipxe"]
    assert "a token that nobody guesses" not in stack.state()
