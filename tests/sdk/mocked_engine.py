"""Runs a program against Pulumi's own test double of the engine, in a process of its own, and prints what it registered.

A process, because Pulumi's settings are global and its test double leaves event loops behind. As a script:
`mocked_engine.py PROGRAM ANSWERS CONFIG`; what the program defines as `program()` is called, ANSWERS holds outputs by
resource name.
"""

import json
import runpy
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks, set_mocks

SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Ran:
    """What a program registered, by resource name, and the values of what `program()` returned. `machines` are the VirtualMachines,
    whose names other kinds may share."""

    types: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, Any]]
    providers: Mapping[str, str]
    values: Mapping[str, Any]
    machines: Mapping[str, Mapping[str, Any]]


def secret(value: object) -> dict[str, object]:
    """A secret, as the engine gets it."""
    return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value}


def run(folder: Path, program: str, answers: Mapping[str, Mapping[str, Any]] | None = None, config: Mapping[str, str] | None = None) -> Ran:
    """Run the body of `program()`; `answers` are what the provider adds to the inputs, by resource name."""
    lines = [
        "import pulumi",
        "import pulumi_harvester as harvester",
        "",
        "def program():",
        *(f"    {line}" for line in program.splitlines()),
    ]
    path = folder / "program.py"
    path.write_text("\n".join(lines))
    return run_file(path, answers or {}, config or {})


def run_file(path: Path, answers: Mapping[str, Mapping[str, Any]], config: Mapping[str, str]) -> Ran:
    """Run a program as it is, with the project's settings in `config`; those of others have their project before a colon."""
    command = [sys.executable, __file__, str(path), json.dumps(answers), json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Ran(**json.loads(done.stdout))


class Engine(Mocks):
    """Answers every registration with its inputs and the given outputs."""

    def __init__(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        self.answers = answers
        self.registered: dict[str, MockResourceArgs] = {}
        self.machines: dict[str, dict[str, Any]] = {}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:  # noqa: ARG002  no function is called
        return {}, None

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.registered[args.name] = args
        if args.typ.endswith(":VirtualMachine"):
            self.machines[args.name] = args.inputs
        return args.resource_id or f"default/{args.inputs.get('name', args.name)}", {**args.inputs, **self.answers.get(args.name, {})}


def _main() -> None:
    engine = Engine(json.loads(sys.argv[2]))
    set_mocks(engine, project="shop", stack="dev")
    pulumi.runtime.set_all_config({name if ":" in name else f"shop:{name}": value for name, value in json.loads(sys.argv[3]).items()})
    values: dict[str, Any] = {}

    def work() -> pulumi.Output[None]:
        program = runpy.run_path(sys.argv[1]).get("program", dict)
        return pulumi.Output.from_input(program()).apply(lambda found: values.update(found or {}))

    pulumi.runtime.test(work)()
    registered = engine.registered.items()
    answer = {
        "types": {name: args.typ for name, args in registered},
        "inputs": {name: {key: value for key, value in args.inputs.items() if key != "__provider"} for name, args in registered},
        "providers": {name: args.inputs["__provider"] for name, args in registered if "__provider" in args.inputs},
        "values": values,
        "machines": {
            name: {key: value for key, value in inputs.items() if key != "__provider"} for name, inputs in engine.machines.items()
        },
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
