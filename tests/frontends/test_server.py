"""The plugin's process as the engine starts and ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("goodbye", [signal.SIGINT, signal.SIGTERM])
def test_the_plugin_tells_its_port_and_ends_by_itself_when_it_is_asked_to(goodbye: signal.Signals) -> None:
    """Pulumi asks with SIGINT, and every command would wait five seconds for a plugin that does not hear it."""
    program = Path(sys.executable).parent / "pulumi-resource-harvester"
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            process.send_signal(goodbye)
            said, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said, complaint) == (0, "", "")
