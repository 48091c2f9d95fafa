"""One machine and one file: a stop for a NIC, an upload, and the pure part of an update."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from timeit import timeit
from typing import Any

import requests
from kubernetes import client, watch

from harvester_provider.core.json import is_true
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.virtual_machine import KIND
from tests.bench.measure import NAMESPACE, RUNS, Figure, Place, place, seconds
from tests.e2e.target import VMI

BOOT, SHUTDOWN = 5.0, 2.0
UPLOAD_BYTES = 256 * 2**20
ROUNDS = 200


def nic_change() -> Iterator[Figure]:
    """How long the guest is down for a NIC that needs a stop (Harvester 1.6)."""
    with place(version="1.6.1", boot_seconds=BOOT, shutdown_seconds=SHUTDOWN, address_seconds=0.0) as here:
        stack = here.stack("machines", count="1", memory="256Mi", secondNic="off")
        stack.up()
        stack.configure({"secondNic": "on"})
        down = _downtime(here, stack.up)
        stack.destroy()
    yield Figure(
        "time a guest is down for a NIC that needs a stop", down / (BOOT + SHUTDOWN), "x", "the simulator's own stop and boot", 1.1
    )


def _downtime(here: Place, act: Any) -> float:
    """Seconds from the guest's first sign of a stop to the next running one."""
    moments: dict[str, float] = {}
    stream = watch.Watch()

    def follow() -> None:
        api = client.CustomObjectsApi(here.target.api)
        for event in stream.stream(api.list_namespaced_custom_object, VMI[0], VMI[1], NAMESPACE, VMI[2]):
            found = event["object"]
            if found["metadata"].get("deletionTimestamp") or event["type"] == "DELETED":
                moments.setdefault("down", time.perf_counter())
            elif "down" in moments and found.get("status", {}).get("phase") == "Running":
                moments.setdefault("up", time.perf_counter())
                stream.stop()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    act()
    follower.join(BOOT + SHUTDOWN)
    return moments["up"] - moments["down"]


def upload() -> Iterator[Figure]:
    """An image of random bytes, uploaded by the provider and by a plain request of the same bytes, until it is imported."""
    with place() as here:
        path = here.work / "image.raw"
        path.write_bytes(os.urandom(UPLOAD_BYTES))
        runs = [
            (*asyncio.run(_uploaded(here, str(path))), seconds(lambda name=f"plain{number}": _posted(here, str(path), name)))
            for number in range(RUNS)
        ]
    reading, making, plain = (min(each) for each in zip(*runs, strict=True))
    size, against = f"{UPLOAD_BYTES >> 20} MiB", "a plain `requests` upload of the file, until it is imported"
    yield Figure(f"upload of {size}, until it is imported", making / plain, "x", against, 1.1)
    yield Figure(f"its checksum before that, {size}, once for each content", reading / plain, "x", against)


async def _uploaded(here: Place, path: str) -> tuple[float, float]:
    """Seconds for the checksum that decides whether anything has to be uploaded, and for the image."""
    calls = Calls(ProviderSettings(kubeconfig=here.target.kubeconfig, endpoint=here.target.endpoint))
    given = {"name": "ours", "namespace": NAMESPACE, "owner": "bench/dev/ours", "sourceType": "upload", "file": path}
    begin = time.perf_counter()
    checked = await calls.check("Image", {}, given, Silent())
    read = time.perf_counter()
    found = await calls.create("Image", dict(checked.inputs), Silent())
    made = time.perf_counter()
    await calls.delete("Image", found.id, dict(found.state), Silent())
    await calls.close()
    return read - begin, made - read


def _posted(here: Place, path: str, name: str) -> None:
    local = here.local
    images = f"{local.endpoint}/k8s/clusters/local/apis/harvesterhci.io/v1beta1/namespaces/{NAMESPACE}/virtualmachineimages"
    head = {"Authorization": f"Bearer {local.tokens['admin']}"}
    body = {
        "apiVersion": "harvesterhci.io/v1beta1", "kind": "VirtualMachineImage", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"displayName": name, "sourceType": "upload"},
    }  # fmt: skip
    requests.post(images, json=body, headers=head, verify=str(local.ca), timeout=30).raise_for_status()
    url = f"{local.endpoint}/v1/harvester/harvesterhci.io.virtualmachineimages/{NAMESPACE}/{name}?action=upload&size={UPLOAD_BYTES}"
    while True:
        with open(path, "rb") as file:  # noqa: PTH123  requests streams an open file
            answer = requests.post(url, files={"chunk": file}, headers=head, verify=str(local.ca), timeout=300)
        if answer.ok:
            break
    while True:  # ten times a second: nobody tells a plain client more
        found = requests.get(f"{images}/{name}", headers=head, verify=str(local.ca), timeout=30).json()
        if is_true(found, "Imported"):
            return
        time.sleep(0.1)


def plans() -> Iterator[Figure]:
    """Diff and plan of one machine in memory, and how they grow with its devices."""
    for devices in (1, 4, 16):
        yield Figure(f"diff and plan of a machine with {devices} disks and NICs", _plan(devices), "us")


def _plan(devices: int) -> float:
    values = {
        "name": "vm",
        "disks": [{"name": f"d{number}", "size": "1Gi"} for number in range(devices)],
        "networkInterfaces": [{"name": f"n{number}", "network": "default/lan"} for number in range(devices)],
    }
    old, new = KIND.inputs.model_validate(values), KIND.inputs.model_validate({**values, "memory": "2Gi"})
    ref = Ref(KIND.api, "vm", "default")
    (put,) = KIND.create(old, _seen(ref, old, None)).steps
    seen = _seen(ref, old, put.body)
    return timeit(lambda: KIND.update(old, new, seen), number=ROUNDS) / ROUNDS * 1e6


def _seen(ref: Ref, inputs: Any, body: Any) -> Snapshot:
    """All that the machine wants to see, in a cluster with nothing else in it."""
    seen = Snapshot({ref: body})
    while wants := seen.missing([ref, *KIND.reads(ref, inputs, seen)]):
        objects = {want: None for want in wants if isinstance(want, Ref)}
        seen = seen.plus(Snapshot(objects, {want: () for want in wants if not isinstance(want, Ref)}))
    return seen
