"""Start Harvester's own control plane, run the end-to-end cases there, and stop it.

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
from tests.conformance.accounts import HARVESTER, authority, prepare
from tests.conformance.virt_handler import reporting

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("HARVESTER_REAL", ROOT.parent / "shared" / "real"))
START_SECONDS = 420
TAIL = 40
WORKERS = 4
"""Twice the cores of a small machine: cases wait for the cluster most of the time."""
QUICK = ("--boot-seconds", "1", "--shutdown-seconds", "0.5", "--import-seconds", "1", "--migrate-seconds", "1")


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
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in arguments)
    return [] if named else ["tests/e2e"]


def run(found: dict[str, str], work: Path, arguments: list[str]) -> int:
    """Run the cases on a control plane that is up."""
    kubeconfig = work / "kubeconfig"
    kubeconfig.write_text(prepare(Path(found["kubeconfig"])))
    options = [
        "--kubeconfig",
        str(kubeconfig),
        "--endpoint",
        found["harvester"],
        "--endpoint-ca",
        authority(Path(found["kubeconfig"])),
        "--uplink",
        "ens9",
        "-n",
        str(WORKERS),
        "--dist",
        "loadgroup",
    ]
    with reporting(Path(found["work"])):
        command = [sys.executable, "-m", "pytest", *cases(arguments), *options, *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """Start the control plane, run the cases, stop it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the control plane is stopped whatever happens
    script = REAL / "real_harvester.py"
    if not script.is_file():
        print(f"conformance: {script} is not there: Harvester's own control plane cannot be run here. Nothing was tested.", file=sys.stderr)
        return 1
    work = Path(tempfile.mkdtemp(prefix="harvester-conformance-"))
    log, plane = work / "real_harvester.log", work / "plane"
    plane.mkdir()
    # virt-api reads its certificate anew at every change in its folder, and says so in its log: not in the same folder, or it never rests.
    (plane / "virt-api.log").symlink_to(work / "virt-api.log")
    environment = {**os.environ, **HARVESTER, "PATH": f"{bin_folder()}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, str(script), "--work", str(plane), *QUICK]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, env=environment, start_new_session=True)
        try:
            found = ready(process)
            if found is None:
                tail = log.read_text().splitlines()[-TAIL:]
                print(f"conformance: the control plane did not start; the end of {log}:", *tail, sep="\n", file=sys.stderr)
                return 1
            print(f"conformance: on {found['harvester']}, logs in {work}", file=sys.stderr, flush=True)
            return run(found, work, sys.argv[1:])
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
