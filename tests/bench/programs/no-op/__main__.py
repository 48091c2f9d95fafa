"""N dynamic resources with the inputs of machines, and as many properties, whose provider does nothing: what Pulumi costs by itself.

With `inputs` and `outputs` their state keeps as many more of them, as a provider does that fills in defaults and says what it made.
"""

import asyncio
from functools import cache

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, dynamic
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


class Keeping(Nothing):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.inputs, self.outputs = inputs, outputs

    def check(self, _olds, news):
        return CheckResult({**news, **{f"input{number}": False for number in range(self.inputs)}}, [])

    def create(self, props):
        return CreateResult(props["name"], {**props, **{f"output{number}": False for number in range(self.outputs)}})

    def read(self, id_, props):
        return ReadResult(id_, props, {key: value for key, value in props.items() if not key.startswith("output")})


class Idle(Resource, name="Idle"):
    """One of the resources that do nothing."""


config = pulumi.Config()
inputs = config.get_int("inputs")
nothing = Keeping(inputs, config.require_int("outputs")) if inputs else Nothing()
others = dict.fromkeys(f"property{number}" for number in range(len(MACHINE) + 1, config.require_int("width")))
for number in range(config.require_int("count")):
    Idle(nothing, f"r{number}", {"name": f"r{number}", **MACHINE, **others})
SETTINGS.rpc_manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))  # as the SDK does, for the same reason
