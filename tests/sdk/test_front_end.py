"""Which front end the SDK's classes register for, and what each of them gets."""

from pathlib import Path

import pytest
from mocked_engine import run

PROGRAM = """
key = harvester.SshKey("key", public_key="k", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="3m")))
return {"id": key.id}
"""


def test_a_plugin_gets_plain_resources_of_the_package_and_does_the_rest_itself(tmp_path: Path) -> None:
    ran = run(tmp_path, PROGRAM, config={"harvester:frontend": "plugin"})
    assert ran.types == {"key": "harvester:index:SshKey"}
    assert ran.inputs == {"key": {"publicKey": "k"}}
    assert not ran.providers


def test_the_dynamic_provider_is_the_default_and_gets_all_that_its_host_does_not_tell(tmp_path: Path) -> None:
    ran = run(tmp_path, PROGRAM)
    assert ran.types == {"key": "pulumi-python:dynamic/harvester:SshKey"}
    assert ran.inputs["key"] == {"publicKey": "k", "name": "key", "owner": "shop/dev/key", "timeouts": {"create": "3m"}}
    assert set(ran.providers) == {"key"}


def test_a_front_end_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="harvester:frontend is 'native': set it to `dynamic`"):
        run(tmp_path, PROGRAM, config={"harvester:frontend": "native"})
