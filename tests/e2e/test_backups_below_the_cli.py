"""Backups below the Pulumi CLI: what goes wrong around the target, its change, and schedules. The story itself is in `test_backups`.

A cluster has one backup target, so that these cases run one after the other, whichever worker they are on.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from backup_setting import SNAPPED, set_by_hand
from buckets import S3, Bucket, s3_server
from target import Target
from workshop import Made, Workshop, heard

from harvester_local.pki import make_pki
from harvester_provider.core.errors import InvalidInputs, PlanRefused, Refused, WaitFailed, WaitTimedOut
from harvester_provider.core.json import dig, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.reporter import Silent
from harvester_provider.resources.apis import BACKUP, SCHEDULE
from harvester_provider.resources.registry import KINDS

pytestmark = pytest.mark.xdist_group("backup-target")

DISKS = [{"name": name, "size": "1Gi", "onDelete": "delete"} for name in ("root", "data")]
MACHINE: dict[str, Any] = {"memory": "256Mi", "disks": DISKS, "networkInterfaces": [{"name": "default"}], "waitFor": "running"}


@pytest.fixture
async def shop(cluster: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(cluster, f"backups-{uuid.uuid4().hex[:6]}") as found:
        yield found


@pytest.fixture
async def store(shop: Workshop, bucket: Bucket) -> AsyncIterator[Made]:
    """The backup target, on an empty bucket. In the end there is none, and nothing that was saved."""
    yield (made := await shop.make("BackupTarget", f"store-{shop.namespace}", **bucket.wire, onDelete="reset"))
    for found in await shop.listed(BACKUP):
        await shop.remove(Ref(BACKUP, dig_str(found, "metadata", "name"), shop.namespace))
    await made.destroy()


async def test_a_target_that_goes_in_the_middle_of_a_backup_is_told_and_the_machine_runs_on(
    shop: Workshop, store: Made, s3: S3, bucket: Bucket
) -> None:
    assert store.state["available"] is True
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    nightly = Made(shop, "VirtualMachineBackup", "nightly")
    with s3.closing_after(0 if shop.given else 1), pytest.raises((WaitFailed, WaitTimedOut)) as told:
        await nightly.make(virtualMachine="vm", timeouts={"create": "30s"})
    assert "description is not on the target" in str(told.value) if shop.given else "failed to put object" in str(told.value)
    assert shop.given or [path for path in bucket.paths() if path.endswith(".blk")]

    await nightly.make(virtualMachine="vm")
    assert nightly.state["ready"] is True
    assert f"harvester/vmbackups/{shop.namespace}/nightly.cfg" in bucket.paths()
    assert await machine.starts() == 1
    await nightly.destroy()
    await machine.destroy()


async def test_keys_that_somebody_rotated_are_noticed_and_set_again(cluster: Target, store: Made, s3: S3, bucket: Bucket) -> None:
    theirs = Bucket(bucket.endpoint, bucket.name, s3.user())
    await asyncio.to_thread(set_by_hand, cluster, theirs)
    assert await store.drift() == ["accessKeyId", "secretAccessKey"]
    await store.refresh()
    preview = await store.preview(**bucket.wire, onDelete="reset")
    assert list(preview.lines) == [f"1. set the backup target to s3://{bucket.name}@us-east-1/ with other keys"]
    await store.up(**bucket.wire, onDelete="reset")
    assert await store.drift() == []


async def test_another_target_is_explained_while_backups_are_on_this_one_and_loses_none(
    shop: Workshop, store: Made, s3: S3, bucket: Bucket
) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    nightly = await shop.make("VirtualMachineBackup", "nightly", virtualMachine="vm")
    other, here = s3.bucket(), f"s3://{bucket.name}@us-east-1/"
    moved = {**other.wire, "onDelete": "reset"}
    there = f"{shop.namespace}/nightly: on {here}; they cannot be restored, and their data stays there, until that is the target again"
    assert (await store.preview(**moved)).lines[-1] == there
    await store.up(**moved)

    phoenix = Made(shop, "VirtualMachineRestore", "phoenix")
    with pytest.raises((Refused, WaitFailed, WaitTimedOut)):
        await phoenix.make(backup="nightly", virtualMachine="phoenix", onDelete="delete", timeouts={"create": "20s"})
    assert f"harvester/vmbackups/{shop.namespace}/nightly.cfg" in bucket.paths()

    await store.up(**bucket.wire, onDelete="reset")
    await phoenix.make(backup="nightly", virtualMachine="phoenix", onDelete="delete")
    assert phoenix.state["complete"] is True
    for made in (phoenix, nightly, machine):
        await made.destroy()


@pytest.mark.usefixtures("simulated")
async def test_an_authority_of_ones_own_is_trusted_where_the_cluster_trusts_it(shop: Workshop, store: Made, tmp_path: Path) -> None:
    """Harvester's webhook goes by the setting additional-ca alone, whatever the target's own certificate is."""
    pki = make_pki(tmp_path)
    ca = pki.ca.read_text()
    with s3_server(pki) as private:
        bucket = private.bucket()
        trusted = {**bucket.wire, "cert": ca, "onDelete": "reset"}
        with pytest.raises(Refused, match="failed to connect to backup target"):
            await store.up(**trusted)
        setting = await shop.make("Setting", "additional-ca", value=ca)
        await heard(lambda: store.up(**trusted))
        machine = await shop.make("VirtualMachine", "vm", **MACHINE)
        nightly = await shop.make("VirtualMachineBackup", "nightly", virtualMachine="vm")
        assert f"harvester/vmbackups/{shop.namespace}/nightly.cfg" in bucket.paths()
        assert await store.drift() == []
        for made in (nightly, machine, store, setting):
            await made.destroy()


@pytest.mark.usefixtures("simulated")
async def test_a_share_takes_the_place_of_a_bucket_and_must_be_there(shop: Workshop, store: Made, tmp_path: Path) -> None:
    share = {"type": "nfs", "endpoint": f"nfs://127.0.0.1:{tmp_path}/share", "onDelete": "reset"}
    with pytest.raises(Refused, match="cannot mount nfs"):
        await store.up(**share)
    (tmp_path / "share").mkdir()
    await store.up(**share)
    assert store.state["url"] == share["endpoint"]
    assert await store.drift() == []
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    nightly = await shop.make("VirtualMachineBackup", "nightly", virtualMachine="vm")
    assert nightly.state["target"] == share["endpoint"]
    assert (tmp_path / "share" / "harvester" / "vmbackups" / shop.namespace / "nightly.cfg").is_file()
    phoenix = await shop.make("VirtualMachineRestore", "phoenix", backup="nightly", virtualMachine="phoenix", onDelete="delete")
    for made in (phoenix, nightly, machine):
        await made.destroy()


async def test_what_must_not_be_restored_is_told_before_anything_is_touched(shop: Workshop, store: Made) -> None:
    assert store.state["available"] is True
    machine = await shop.make("VirtualMachine", SNAPPED, **MACHINE)
    snapshot = await shop.make("VirtualMachineSnapshot", "now", virtualMachine=SNAPPED)
    volumes = await machine.belongings()
    refused = {
        f"VirtualMachine {shop.namespace}/{SNAPPED} exists: write mode replace, or another name": {"virtualMachine": SNAPPED},
        "a snapshot needs the volumes it was taken of: write retain": {"virtualMachine": SNAPPED, "mode": "replace", "oldDisks": "delete"},
    }
    kind = KINDS["VirtualMachineRestore"]
    for said, inputs in refused.items():
        news = Made(shop, "VirtualMachineRestore", "back").checked({"backup": "now", **inputs})
        assert [problem.reason for problem in (await verbs.foresee(kind, shop.cluster, news)).problems] == [said]
        with pytest.raises(InvalidInputs, match=said):
            await verbs.create(kind, shop.cluster, news, Silent())
    with pytest.raises(PlanRefused, match="does not exist: write mode new"):
        await Made(shop, "VirtualMachineRestore", "back").make(backup="now", virtualMachine="gone", mode="replace")
    with pytest.raises(WaitTimedOut, match="set refreshIntervalInSeconds of the BackupTarget where another cluster makes the backup"):
        await Made(shop, "VirtualMachineRestore", "back").make(
            backup="nowhere", virtualMachine=SNAPPED, mode="replace", timeouts={"create": "1s"}
        )
    assert (await machine.starts(), await machine.belongings()) == (1, volumes)
    await snapshot.destroy()
    await machine.destroy()


async def test_a_delete_that_takes_snapshots_of_a_namesake_along_is_refused_until_it_is_allowed(shop: Workshop, cluster: Target) -> None:
    async with Workshop.on(cluster, f"{shop.namespace}-other") as other:
        machine = await shop.make("VirtualMachine", "namesake", **MACHINE)
        snapshot = await shop.make("VirtualMachineSnapshot", "now", virtualMachine="namesake")
        namesake = await other.make("VirtualMachine", "namesake", **MACHINE)
        with pytest.raises(PlanRefused, match=f"would delete snapshots of other machines that are called namesake as well: {snapshot.id}"):
            await namesake.destroy()
        assert await namesake.starts() == 1
        await namesake.up(**MACHINE, snapshotsElsewhere="delete")
        await namesake.destroy()
        await shop.until(lambda seen: seen[snapshot.ref] is None, snapshot.ref)
        await machine.destroy()


DAILY = {"virtualMachine": "vm", "cron": "0 2 * * *", "annotations": {"harvesterhci.io/svmbackupSkipCronCheck": "true"}}
"""Other schedules of the cluster may run at any time."""


@pytest.mark.parametrize("kind", ["backup", "snapshot"])
async def test_a_schedule_is_made_changed_and_let_go(shop: Workshop, store: Made, kind: str) -> None:
    assert store.state["available"] is True
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    daily = await shop.make("BackupSchedule", "daily", **DAILY, type=kind)
    assert await daily.drift() == []
    second = Made(shop, "BackupSchedule", "second").checked({**DAILY, "type": kind})
    (problem,) = (await verbs.foresee(KINDS["BackupSchedule"], shop.cluster, second)).problems
    assert f"has a schedule already, {shop.namespace}/daily" in problem.reason
    changed = {**DAILY, "type": kind, "cron": "30 3 * * 0", "retain": 3, "maxFailure": 2, "suspend": True}
    await daily.up(**changed)
    assert daily.state["suspended"] is True
    if not shop.given:  # the real control plane has no chart from which its controller takes the image of the jobs
        await shop.until(lambda seen: dig(seen[daily.ref], "status", "suspended") is True, daily.ref)
        await daily.refresh()
        assert daily.state["suspendReason"] == "Proactive Schedule Suspend"
    assert await daily.drift() == []
    assert (await daily.preview(**{**changed, "type": "snapshot" if kind == "backup" else "backup"})).replaces == ("type",)
    await daily.up(**{**changed, "suspend": False})
    assert daily.state["suspended"] is False
    await daily.destroy()
    assert await daily.gone()
    await machine.destroy()


@pytest.mark.usefixtures("simulated")
async def test_a_schedule_saves_keeps_what_it_should_and_is_not_fought_when_harvester_suspends_it(shop: Workshop, store: Made) -> None:
    assert store.state["available"] is True
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    inputs = {**DAILY, "retain": 3, "maxFailure": 2}
    daily = await shop.make("BackupSchedule", "daily", **inputs)
    schedule = Ref(SCHEDULE, "daily", shop.namespace)

    async def run(moment: str, ends: Any, fault: str | None = None) -> None:
        notes = {"local.harvester/run": moment, "local.harvester/fault": fault}
        await shop.cluster.patch(schedule, {"metadata": {"annotations": notes}})
        await shop.until(lambda seen: ends(seen[schedule] or {}), schedule)

    def saved(found: Any) -> list[str]:
        return [each["name"][-13:] for each in dig(found, "status", "vmbackupInfo") or [] if each.get("readyToUse")]

    moments = [f"2026010{day}.0200" for day in range(1, 9)]
    for number, moment in enumerate(moments[:4]):
        await run(moment, lambda found, upto=number: saved(found) == moments[max(0, upto - 2) : upto + 1])
    await daily.refresh()
    assert [name[-13:] for name in daily.state["backups"]] == moments[1:4]
    phoenix = Made(shop, "VirtualMachineRestore", "phoenix")
    with pytest.raises(Refused, match="Source schedule .*/daily is running"):
        await phoenix.make(backup=daily.state["backups"][-1], virtualMachine="phoenix", onDelete="delete")

    for number, moment in enumerate(moments[4:6], 1):
        await run(moment, lambda found, count=number: dig(found, "status", "failure") == count, "disk-full")
    await run(moments[6], lambda found: dig(found, "spec", "suspend") is True, "disk-full")
    await daily.refresh()
    assert (daily.state["suspended"], daily.state["failures"]) == (True, 2)
    assert daily.state["suspendReason"] == "failure backups 2 reach max tolerance 2"
    assert await daily.preview(**inputs) == verbs.Difference()
    await phoenix.make(backup=daily.state["backups"][-1], virtualMachine="phoenix", onDelete="delete")

    await daily.up(**inputs, resume="there is room again")
    await run(moments[7], lambda found: saved(found)[-1:] == moments[7:8])
    for made in (daily, phoenix, machine):
        await made.destroy()
    assert len(await shop.listed(BACKUP)) == 3  # what it has made stays
