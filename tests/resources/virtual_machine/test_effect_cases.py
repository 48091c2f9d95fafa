"""The cases of the table of effects in memory, on every release: the same that run on real API servers in tests/e2e/test_effects.py.

Here they say at once which row lacks a case, or whose announced effect is another one than the case expects.
"""

from typing import Any

import pytest
from effect_cases import CASES, Case, without_a_case
from machine_room import MachineRoom

from harvester_local.settings import VERSIONS
from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import IMAGE, KEY_PAIR, NETWORK, PRIORITY_CLASS, SECRET
from harvester_provider.resources.virtual_machine.effects import release


def placed(value: Any) -> Any:
    """`~/red` is in the namespace of the room."""
    if isinstance(value, str):
        return value.replace("~/", "default/").replace("~-", "")
    if isinstance(value, dict):
        return {key: placed(item) for key, item in value.items()}
    return [placed(item) for item in value] if isinstance(value, list) else value


def furnished(version: str) -> MachineRoom:
    room = MachineRoom(f"v{version}")
    room.migratable = True
    for name in ("red", "blue"):
        room.place(Ref(NETWORK, name, "default"), {})
    leap: Any = room.objects[Ref(IMAGE, "leap", "default")]
    room.place(Ref(IMAGE, "disc", "default"), {"status": {**leap["status"], "virtualSize": 64 * 2**20}})
    room.place(Ref(SECRET, "answers", "default"), {"data": {}})
    room.place(Ref(PRIORITY_CLASS, "system-cluster-critical"), {})
    room.place(Ref(KEY_PAIR, "ada", "default"), {"spec": {"publicKey": "ssh-ed25519 AAAA ada"}})
    return room


def test_every_row_of_the_table_has_a_case() -> None:
    assert without_a_case() == [], "add a case to tests/e2e/effect_cases.py"


def releases(case: Case) -> list[str]:
    """The releases from which a case has another effect, and the newest."""
    return [version for version in VERSIONS if release(version) in case.effects or version == VERSIONS[-1]]


@pytest.mark.parametrize(
    ("version", "case"), [pytest.param(version, case, id=f"{version} {case.announced}") for case in CASES for version in releases(case)]
)
async def test_preview_announces_it_and_the_guest_is_restarted_only_then(version: str, case: Case) -> None:
    expected, room = case.on(release(version)), furnished(version)
    assert expected
    plain = {"cloudInit": None, "cpu": 1}
    before, after = plain | placed(case.whole_before), plain | placed(case.whole_after)
    made = await room.up(**before)
    if case.restart_due:
        room.edit(lambda body: body["status"].update(conditions=[{"type": "RestartRequired", "status": "True"}]))
    plan = (await room.preview(made, **after)).plan
    assert {(change.property, change.effect) for change in plan.changes} == {(case.announced, expected)}
    starts, had = room.starts["vm1"], room.objects.copy()
    if expected is Effect.REFUSED:
        with pytest.raises(PlanRefused):
            await room.up(made, **after)
        assert room.objects == had
        return
    changed = await room.up(made, **after)
    assert room.starts["vm1"] - starts == int(expected.stops_guest)
    assert (await room.refresh(changed)).inputs == changed.inputs
