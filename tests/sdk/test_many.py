"""A program of many resources: what the SDK adds to it does not grow faster than their number."""

import subprocess
import sys
from pathlib import Path

MANY = 20
PROGRAM = f"""
import asyncio

import pulumi
from mocked_engine import Engine
from pulumi.runtime.stack import run_pulumi_func

import pulumi_harvester as harvester

looked, wait = [0], asyncio.wait


def counted(tasks, **options):
    looked[0] += len(tasks)
    return wait(tasks, **options)


async def main():
    pulumi.runtime.mocks.set_mocks(Engine({{}}), project="shop", stack="dev")
    await run_pulumi_func(lambda: [harvester.VirtualMachine(f"vm{{number}}", memory="1Gi") for number in range({MANY})])


asyncio.wait = counted
asyncio.run(main())
print(looked[0])
"""


def test_outputs_are_not_looked_through_again_for_each_resource() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    assert int(done.stdout) < MANY, done.stderr
