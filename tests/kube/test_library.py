"""The lean import of the Kubernetes client: it works, alone and beside those who want the whole library."""

import subprocess
import sys

import pytest
from test_client import kubeconfig

CONNECT = f"""
import asyncio, sys
from harvester_provider.kube.client import Client
from harvester_provider.kube.connection import connect
from harvester_provider.resources.provider import Connection
there = Connection(kubeconfig={kubeconfig("https://harvester.example")!r})

async def main():
    target = await connect(there)
    await Client(lambda: connect(there), target).close()
    return target.host

print(asyncio.run(main()), sum(name.startswith("kubernetes.") and ".models." in name for name in sys.modules))
"""
WHOLE = "import kubernetes.client, kubernetes.aio.client; kubernetes.aio.client.CoreV1Api; kubernetes.client.V1Pod\n"


def said(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_a_connection_needs_none_of_the_generated_models() -> None:
    assert said(CONNECT) == ["https://harvester.example", "0"]


@pytest.mark.parametrize("program", [WHOLE + CONNECT, CONNECT + WHOLE], ids=["before", "after"])
def test_who_wants_the_whole_library_gets_it(program: str) -> None:
    assert said(program)[0] == "https://harvester.example"
