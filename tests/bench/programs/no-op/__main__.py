"""N dynamic resources with the inputs of machines, and as many properties, whose provider does nothing: what Pulumi costs by itself."""

import asyncio
from functools import cache

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, dynamic
from pulumi.runtime.settings import SETTINGS

dynamic.serialize_provider = cache(dynamic.serialize_provider)  # each call nests deeper: the three hundredth fails
MACHINE = {
    "namespace": "bench",
    "owner": "no-op/bench/machine",
    "cpu": 1,
    "memory": "256Mi",
    "runStrategy": "Halted",
    "disks": [{"name": "root", "size": "1Gi", "onDelete": "delete"}],
    "networkInterfaces": [{"name": "default"}],
}


class Nothing(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(props["name"], props)

    def diff(self, _id, _olds, _news):
        return DiffResult(changes=False)


class Idle(Resource, name="Idle"):
    """One of the resources that do nothing."""


nothing = Nothing()
config = pulumi.Config()
others = dict.fromkeys(f"property{number}" for number in range(len(MACHINE) + 1, config.require_int("width")))
for number in range(config.require_int("count")):
    Idle(nothing, f"r{number}", {"name": f"r{number}", **MACHINE, **others})
SETTINGS.rpc_manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))  # as the SDK does, for the same reason
