"""Start Harvester's own control plane, run the end-to-end cases there, and stop it; then the same with KubeVirt alone.

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
from tests.conformance.kubevirt_plane import kubevirt_plane
from tests.conformance.virt_handler import reporting

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("HARVESTER_REAL", ROOT.parent / "shared" / "real"))
SCRIPT = "real_harvester.py"
PLAIN = "tests/e2e/test_plain_kubevirt.py"
"""The cases of clusters without Harvester."""
NO_CASES = 5
"""What pytest ends with where it finds nothing to run."""
START_SECONDS = 420
TAIL = 40
WORKERS = 4
"""Twice the cores of a small machine: cases wait for the cluster most of the time."""
QUICK = ("--boot-seconds", "1", "--shutdown-seconds", "0.5", "--import-seconds", "1", "--migrate-seconds", "1")
QUICK_SECONDS = 1.0


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


def divided(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The cases for Harvester's control plane, those for KubeVirt's alone, and what else pytest is told. Without any named, all."""
    named = [argument for argument in arguments if (ROOT / argument.partition("::")[0]).exists()]
    options = [argument for argument in arguments if argument not in named]
    if not named:
        return ["tests/e2e"], [PLAIN], options
    plain = [case for case in named if case.partition("::")[0] == PLAIN]
    return [case for case in named if case not in plain], plain, options


def tested(*arguments: str) -> int:
    """Run pytest; its code."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def folder(work: Path, name: str) -> Path:
    """A folder for a control plane. virt-api reads its certificate anew at every change in its folder, and says so in its log: that is
    not in the same folder, or it never rests."""
    found = work / name
    found.mkdir()
    (found / "virt-api.log").symlink_to(work / f"{name}-virt-api.log")
    return found


def on_kubevirt(work: Path, cases: list[str], options: list[str]) -> int:
    """Run the cases of clusters without Harvester."""
    with kubevirt_plane(REAL, folder(work, "kubevirt"), QUICK_SECONDS) as kubeconfig:
        print(f"conformance: on KubeVirt alone, logs in {work}", file=sys.stderr, flush=True)
        return tested(*cases, "--kubeconfig", str(kubeconfig), "--plain", *options)


def on_harvester(work: Path, cases: list[str], options: list[str]) -> int:
    """Run the cases of Harvesters."""
    log = work / "real_harvester.log"
    command = [sys.executable, str(REAL / SCRIPT), "--work", str(folder(work, "plane")), *QUICK]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, env={**os.environ, **HARVESTER}, start_new_session=True)
        try:
            found = ready(process)
            if found is None:
                tail = log.read_text().splitlines()[-TAIL:]
                print(f"conformance: the control plane did not start; the end of {log}:", *tail, sep="\n", file=sys.stderr)
                return 1
            print(f"conformance: on {found['harvester']}, logs in {work}", file=sys.stderr, flush=True)
            return run(found, work, cases, options)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def run(found: dict[str, str], work: Path, cases: list[str], options: list[str]) -> int:
    """Run the cases on a Harvester that is up."""
    kubeconfig = work / "kubeconfig"
    kubeconfig.write_text(prepare(Path(found["kubeconfig"])))
    where = ("--kubeconfig", str(kubeconfig), "--endpoint", found["harvester"], "--endpoint-ca", authority(Path(found["kubeconfig"])))
    with reporting(Path(found["work"])):
        return tested(*cases, *where, "--uplink", "ens9", "-n", str(WORKERS), "--dist", "loadgroup", *options)


def main() -> int:
    """Start each control plane that has cases to run, run them, stop it; one after the other, because both have one account's folder."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the control plane is stopped whatever happens
    if not (REAL / SCRIPT).is_file():
        print(
            f"conformance: {REAL / SCRIPT} is not there: Harvester's own control plane cannot be run here. Nothing was tested.",
            file=sys.stderr,
        )
        return 1
    work = Path(tempfile.mkdtemp(prefix="harvester-conformance-"))
    os.environ["PATH"] = f"{bin_folder()}{os.pathsep}{os.environ.get('PATH', '')}"
    harvester, plain, options = divided(sys.argv[1:])
    codes = [on_harvester(work, harvester, options)] if harvester else []
    codes += [on_kubevirt(work, plain, options)] if plain else []
    return max((code for code in codes if code != NO_CASES), default=NO_CASES)


if __name__ == "__main__":
    sys.exit(main())
