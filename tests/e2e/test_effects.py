"""The table of effects, row by row, against what really happens: on every simulated release, or on the given cluster.

Each case makes a machine, edits it as a program would, and compares what preview said with what the cluster did. What
needs a stop is also written with `updatePolicy: defer`, so that KubeVirt itself says that it needs a restart.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from effect_cases import CASES, Case, without_a_case
from target import Target, connect, endpoint, given_cluster
from workshop import Made, Workshop, furnish

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import VERSIONS, Settings
from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import dig_str
from harvester_provider.resources.apis import SERVER_VERSION
from harvester_provider.resources.virtual_machine.effects import Release, release

AT_ONCE = 8
"""Machines that live at the same time: enough to fill the waits of each with the work of the others."""
LEAN = ("1.6.1", "1.9.0")
"""The releases that are shown with the built-in CRDs, also where upstream's are at hand: what a machine does is the same with both."""
QUICK = {"boot_seconds": 0.05, "address_seconds": 0.05, "shutdown_seconds": 0.05, "import_seconds": 0.1, "migrate_seconds": 0.1}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "version" in metafunc.fixturenames:
        given = metafunc.config.getoption("--kubeconfig")
        metafunc.parametrize("version", ["given"] if given else VERSIONS)


@pytest.fixture
def place(request: pytest.FixtureRequest, version: str, images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """The given cluster, or a local Harvester of that version."""
    option, image_url = request.config.getoption, f"{images}/tiny.qcow2"
    if version == "given":
        with given_cluster(Path(option("--kubeconfig")), option("--image-url") or image_url, **endpoint(request.config)) as given:
            yield given
        return
    if version in LEAN:
        monkeypatch.delenv("HARVESTER_CRDS", raising=False)
    settings = Settings(version=version, **QUICK)
    with LocalHarvester(settings, folder=tmp_path / "harvester") as local, connect(local.kubeconfig_text) as api:
        yield Target(local.kubeconfig_text, local.endpoint, image_url, "", api, local)


def test_every_row_of_the_table_has_a_case() -> None:
    assert without_a_case() == []


async def test_every_row_is_what_happens(place: Target) -> None:
    async with Workshop.on(place, f"rows-{uuid.uuid4().hex[:6]}") as shop:
        version = release(dig_str(await shop.cluster.get(SERVER_VERSION) or {}, "value"))
        await furnish(shop, place.image_url)
        lives = list(_lives(version, given=shop.given))
        slots = asyncio.Semaphore(AT_ONCE)
        ends = await asyncio.gather(
            *(_lived(slots, Made(shop, "VirtualMachine", f"row-{number}"), *life) for number, life in enumerate(lives))
        )
    if failed := [error for error in ends if error]:
        told = "\n".join(f"{'; '.join(error.__notes__)}: {error!r}" for error in failed)
        raise ExceptionGroup(f"Harvester {version}: {len(failed)} of {len(lives)} machines:\n{told}\n", failed)


Life = Callable[[Made, Case, Effect], Coroutine[Any, Any, None]]


def _lives(version: Release, *, given: bool) -> Iterator[tuple[Case, Effect, Life]]:
    """How the cases are shown: as they are, and what needs a stop also deferred."""
    for case in CASES:
        if (expected := case.on(version)) and not (case.local_only if given else case.given_only):
            yield case, expected, _changed
            if expected is Effect.STOP_MODIFY_START and not case.restart_due:
                yield case, expected, _not_deferred if case.off_only else _deferred


async def _lived(slots: asyncio.Semaphore, machine: Made, case: Case, expected: Effect, life: Life) -> Exception | None:
    """The end of one machine's life: nothing, or what went wrong."""
    async with slots:
        try:
            await life(machine, case, expected)
            print(f"{machine.name} {life.__name__} {case.announced}: {expected.label}")
        except Exception as error:  # noqa: BLE001  one case that fails must not hide the others
            error.add_note(f"{life.__name__} {case.announced}: {case.before} -> {case.after}")
            return error
    return None


async def _changed(machine: Made, case: Case, expected: Effect) -> None:
    """What preview announces is what the guest notices, and nothing is left to be done."""
    await machine.make(**case.whole_before)
    await machine.settled(restart_required=False)
    starts, had = await machine.starts(), await machine.belongings()
    if case.restart_due:
        await machine.edited_by_hand({"spec": {"template": {"spec": {"subdomain": "by-hand"}}}})
        await machine.settled(restart_required=True)
    preview = await machine.preview(**case.whole_after)
    assert {(change.property, change.effect) for change in preview.plan.changes} == {(case.announced, expected)}
    assert expected <= Effect.METADATA or any(line.startswith(f"{case.announced}: {expected.label}") for line in preview.lines)
    if expected is Effect.REFUSED:
        with pytest.raises(PlanRefused):
            await machine.up(**case.whole_after)
        return
    await machine.up(**case.whole_after)
    assert await machine.starts() - starts == int(expected.stops_guest)
    await _in_order(machine, case, had)


async def _deferred(machine: Made, case: Case, _: Effect) -> None:
    """KubeVirt itself asks for a restart of what we stop for, and has nothing to ask for after it."""
    defer = {"updatePolicy": "defer"}
    await machine.make(**case.whole_before, **defer)
    starts, had = await machine.starts(), await machine.belongings()
    preview = await machine.preview(**case.whole_after, **defer)
    assert preview.plan.effect <= Effect.METADATA
    await machine.up(**case.whole_after, **defer)
    await machine.settled(restart_required=None if case.silent else True)
    assert not await machine.runs_as_declared()
    assert await machine.starts() == starts
    await machine.refresh()
    assert machine.state.get("restartRequired")
    assert await machine.drift() == []
    restart = {**case.whole_after, **defer, "restartTrigger": "1"}
    assert "restartTrigger: restart" in (await machine.preview(**restart)).lines[0]
    await machine.up(**restart)
    assert await machine.starts() == starts + 1
    await _in_order(machine, replace(case, after=restart), had)
    assert await machine.runs_as_declared()


async def _not_deferred(machine: Made, case: Case, _: Effect) -> None:
    """What only a machine takes that is off is refused where nothing may stop it, before anything is changed."""
    defer = {"updatePolicy": "defer"}
    await machine.make(**case.whole_before, **defer)
    await machine.settled(restart_required=False)
    preview = await machine.preview(**case.whole_after, **defer)
    assert {(change.property, change.effect) for change in preview.plan.changes} == {(case.announced, Effect.REFUSED)}
    with pytest.raises(PlanRefused):
        await machine.up(**case.whole_after, **defer)


async def _in_order(machine: Made, case: Case, had: dict[str, str]) -> None:
    """KubeVirt wants no restart, volumes and addresses are where they were, and neither refresh nor preview find anything to do."""
    if not await machine.settled(restart_required=False):
        assert not machine.state.get("restartRequired")
    has = await machine.belongings()
    if case.gives:
        assert has.pop(case.gives) != had[case.gives]
    assert {name: value for name, value in had.items() if name in has} == {name: value for name, value in has.items() if name in had}
    assert await machine.drift() == []
    assert not (await machine.preview(**case.whole_after)).changed
