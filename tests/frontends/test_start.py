"""What a provider's process loads before anybody asks a cluster."""

import subprocess
import sys

CODE = """
import asyncio, sys, harvester_provider.frontends.host, harvester_provider.frontends.native.servicer
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings
asyncio.run(Calls(ProviderSettings()).close())
print(*sys.modules)
"""


def test_a_provider_pays_for_the_client_when_it_asks_a_cluster() -> None:
    """An `up` without a change asks none."""
    loaded = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.split()
    assert "harvester_provider.engine.verbs" in loaded
    assert not {"aiohttp", "kubernetes", "harvester_provider.wiring"} & set(loaded)
