"""Sends local files: a line for each percent, and another try from the first byte where the connection is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import UploadCutOff
from harvester_provider.core.plan import Step, Upload
from harvester_provider.engine.reporter import Reporter

TRIES = 3
PAUSE = 2.0
"""Seconds before another try."""


async def send(cluster: Cluster, step: Upload, reporter: Reporter, run: Callable[[Step], Awaitable[None]]) -> None:
    """Send the file. Where the connection is lost, `run` what the step needs before another try, as long as its seconds last.

    Raises UploadCutOff after the last try, and UploadFailed or BadFile at once.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + step.seconds
    for number in range(1, TRIES + 1):
        try:
            return await cluster.upload(replace(step, seconds=max(deadline - clock.time(), 1.0)), _percent(step, reporter))
        except UploadCutOff as error:
            if number == TRIES or clock.time() + PAUSE >= deadline:
                raise UploadCutOff(f"{error} (tried {number} of {TRIES} times)") from error
            reporter.warn(f"{step.ref}: the connection was lost, sending {step.file} once more ({number + 1} of {TRIES}): {error}")
        await asyncio.sleep(PAUSE)
        for each in step.again:
            await run(each)
    raise AssertionError  # pragma: no cover  the loop returns or raises


def _percent(step: Upload, reporter: Reporter) -> Callable[[int], None]:
    """Progress, a line for each further percent."""
    shown = 0

    def progress(done: int) -> None:
        nonlocal shown
        percent = 100 * done // max(step.size, 1)
        if percent > shown:
            shown = percent
            reporter.progress(f"uploading {step.file} to {step.ref}: {percent} % of {step.size / 2**20:.0f} MiB")

    return progress
