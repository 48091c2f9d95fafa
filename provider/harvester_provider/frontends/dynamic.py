"""The front end for Pulumi's dynamic provider: one tiny class for all kinds, imported by reference.

The host pickles the instance into every resource, so it holds the kind's name and nothing else; all that runs is
shared by the process and made at the first `configure`. Importing this module must stay cheap: a program imports it
to declare resources, and only the host process runs any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult
from pulumi.dynamic.dynamic import PROVIDER_KEY

if TYPE_CHECKING:
    from harvester_provider.frontends.host import Host

Props = dict[str, Any]


class DynamicProvider(ResourceProvider):
    """The provider of one kind, by its token (`VirtualMachine`). Secrets are never inside, so it is no secret itself."""

    serialize_as_secret_always = False

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def configure(self, req: ConfigureRequest) -> None:
        """Take the program's configuration: the connection settings, with secrets decrypted."""
        from harvester_provider.frontends.start import look_seldom  # noqa: PLC0415  only the host process needs it

        look_seldom()
        from harvester_provider.frontends.host import start  # noqa: PLC0415  as above

        start(req.config.get)

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Validate the inputs and fill in the defaults; before a create, see that the name is free."""
        inputs, problems = _host().check(self.kind, _olds, news)
        return CheckResult(inputs, [CheckFailure(problem.property, problem.reason) for problem in problems])

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Say what changes and what has to be replaced; the consequences are printed for the user."""
        found = _host().diff(self.kind, _id, _olds, _news)
        moved = PROVIDER_KEY not in _olds  # from the plugin, which keeps none: without it the host can neither read nor delete
        return DiffResult(changes=moved or bool(found.changed), replaces=list(found.replaces), stables=None, delete_before_replace=True)

    def create(self, props: Props) -> CreateResult:
        """Make the resource, or go on with what an interrupted run of ours left behind."""
        found = _host().create(self.kind, props)
        return CreateResult(found.id, dict(found.state))

    def read(self, id_: str, props: Props) -> ReadResult:
        """The resource as the cluster has it. No ID in the answer means that it is gone."""
        found = _host().read(self.kind, id_, props)
        return ReadResult(found.id, dict(found.state), dict(found.inputs)) if found else ReadResult(None, {})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        """Bring the resource to the new inputs."""
        return UpdateResult(dict(_host().update(self.kind, _id, _olds, _news).state))

    def delete(self, _id: str, _props: Props) -> None:
        """Remove the resource."""
        _host().delete(self.kind, _id, _props)


def _host() -> Host:
    from harvester_provider.frontends.host import current  # noqa: PLC0415  only the host process needs it

    return current()
