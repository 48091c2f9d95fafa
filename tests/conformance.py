"""`make conformance`: the end-to-end cases on Harvester's own control plane, where that is at hand.

The folder `../shared/real` (or `$HARVESTER_REAL`) holds a script that runs Harvester's server and admission and
KubeVirt's controller and admission on a real API server. Without it this says so and stops. Arguments go to pytest.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harvester_local.toolchain import bin_folder

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("HARVESTER_REAL", ROOT.parent / "shared" / "real"))
START_SECONDS = 420
TAIL = 40
SETTLED = (
    "test_examples.py::test_an_example_from_up_to_destroy[given-01-first-vm]",
    "test_examples.py::test_an_example_from_up_to_destroy[given-02-two-nics]",
    "test_examples.py::test_an_example_from_up_to_destroy[given-03-change-a-nic]",
    "test_load_balancers.py",
    "test_hot_plug.py::test_a_nic_is_plugged_in_and_out_without_a_restart",
    "test_volumes.py",
)
"""The cases that were seen to pass there. The others join them one by one; `make conformance` with arguments runs what it is told."""


def ready(process: "subprocess.Popen[bytes]") -> dict[str, str] | None:
    """The control plane's one line about itself, or None where it ends or takes too long."""
    assert process.stdout is not None
    deadline, begin = time.monotonic() + START_SECONDS, time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(timeout=30):
                line = process.stdout.readline()
                if not line:
                    return None
                if line.startswith(b"{"):
                    found: dict[str, str] = json.loads(line)
                    return found
            print(f"conformance: the control plane is starting ... {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return None


def cases(arguments: list[str]) -> list[str]:
    """What pytest is told to run besides the arguments: nothing where they name it themselves."""
    if not arguments:
        return [f"tests/e2e/{name}" for name in SETTLED]
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in arguments)
    return [] if named else ["tests/e2e"]


def main() -> int:
    """Start the control plane, run the cases, stop it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the control plane is stopped whatever happens
    script = REAL / "real_harvester.py"
    if not script.is_file():
        print(f"conformance: {script} is not there: Harvester's own control plane cannot be run here. Nothing was tested.", file=sys.stderr)
        return 1
    work = Path(tempfile.mkdtemp(prefix="harvester-conformance-"))
    log = work / "real_harvester.log"
    environment = {**os.environ, "PATH": f"{bin_folder()}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [
        sys.executable,
        str(script),
        "--work",
        str(work / "plane"),
        "--boot-seconds",
        "1",
        "--shutdown-seconds",
        "0.5",
        "--import-seconds",
        "1",
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, env=environment, start_new_session=True)
        try:
            found = ready(process)
            if found is None:
                print(
                    f"conformance: the control plane did not start; the end of {log}:",
                    *log.read_text().splitlines()[-TAIL:],
                    sep="\n",
                    file=sys.stderr,
                )
                return 1
            print(f"conformance: on {found['harvester']}, logs in {work}", file=sys.stderr, flush=True)
            options = ["--kubeconfig", found["kubeconfig"], "--endpoint", found["harvester"], "--uplink", "ens9", "-n", "2", *sys.argv[1:]]
            return subprocess.run([sys.executable, "-m", "pytest", *cases(sys.argv[1:]), *options], cwd=ROOT, check=False).returncode
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
