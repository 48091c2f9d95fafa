"""N dynamic resources whose provider does nothing: what the engine and the host cost by themselves."""

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class Nothing(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(props["name"], props)

    def diff(self, _id, _olds, _news):
        return DiffResult(changes=False)


class Idle(Resource, name="Idle"):
    """One of the resources that do nothing."""


for number in range(pulumi.Config().require_int("count")):
    Idle(Nothing(), f"r{number}", {"name": f"r{number}"})
