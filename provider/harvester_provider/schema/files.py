"""Writes generated files, or says which of them are out of date."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Generate = Callable[[Path], Mapping[Path, str]]
Leftovers = Callable[[Path], Iterable[Path]]


def main(about: str, verb: str, generate: Generate, leftovers: Leftovers = lambda _: ()) -> int:
    """The command line of a generator: writes its files, or with `--check` names those that are out of date and returns 1.

    `generate` gives the files below a root folder, `leftovers` those that a former run may have written there; of these,
    the ones that are no longer generated are removed. `verb` is what to run when the check fails.
    """
    parser = ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 when a file is out of date")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the project's folder (default: the current one)")
    options = parser.parse_args()
    files = generate(options.root)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    gone = [path for path in leftovers(options.root) if path not in files]
    for path in sorted([*stale, *gone]):
        sys.stdout.write(f"{path}: " + (f"out of date: run `{verb}`\n" if options.check else "removed\n" if path in gone else "written\n"))
    if options.check:
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    return 0
