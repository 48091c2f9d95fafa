"""Makes everything the other verbs need: the Python environment from the lock file, then the tools. Standard library only.

Two runs at once do not break each other (a file lock), an interrupted one is resumed by the next, and a second run
that finds everything in place ends at once. Logs are written to files; the tail is printed on failure.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOGS = ROOT / ".local" / "logs"
LOCK = ROOT / "requirements.lock"
NEEDED = (3, 11)
TAIL = 25


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def run(what: str, log: Path, *command: str | Path) -> None:
    """Run a command with its output in `log`; say that it is still running, and print the log's tail when it fails."""
    begin, done = time.monotonic(), threading.Event()

    def remind() -> None:
        while not done.wait(30):
            say(f"{what} ... {time.monotonic() - begin:.0f} s (log: {log.relative_to(ROOT)})")

    threading.Thread(target=remind, daemon=True).start()
    with log.open("ab") as sink:
        code = subprocess.run([str(part) for part in command], stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, check=False).returncode
    done.set()
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        sys.exit(f"setup: {what} failed with {code}; the end of {log}:\n{tail}\nNext: mend that, then run `make setup` again")
    say(f"{what}: done in {time.monotonic() - begin:.0f} s")


def environment() -> None:
    """The virtual environment with exactly what the lock file names, and this project in place."""
    stamp = VENV / ".complete"
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    python, log = VENV / "bin" / "python", LOGS / "python-environment.log"
    if VENV.exists() and not python.exists():
        shutil.rmtree(VENV)
    if not python.exists():
        run("virtual environment", log, sys.executable, "-m", "venv", VENV)
    pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    run("Python packages", log, *pip, "--require-hashes", "-r", LOCK)
    run("this project", log, *pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    stamp.write_text(wanted)


def main() -> None:
    """Set up the environment and, unless told otherwise, the tools."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-tools", action="store_true", help="only the Python environment")
    options = parser.parse_args()
    if sys.version_info < NEEDED:
        needed = ".".join(map(str, NEEDED))
        sys.exit(f"setup: Python {needed} or newer is needed, this is {sys.version.split()[0]}: run `make PYTHON=python3.12 setup`")
    LOGS.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".local" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is running here: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        environment()
    if not options.no_tools:
        os.execv(VENV / "bin" / "python", [str(VENV / "bin" / "python"), "-m", "harvester_local.toolchain"])


if __name__ == "__main__":
    main()
