"""Every kind lives with the roles of its file in docs/rbac, each as an account of its own that has no others."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from buckets import Bucket
from deployers import Role, account, read, token, without
from fault_injection import known, settings
from fault_matrix import Matrix, Others, Score, connecting
from fault_rows import STEPS, Fault
from kind_rows import ROWS
from target import Target

from harvester_provider.core.errors import Forbidden
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.kind import Kind
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.resources.roles import ROLES, roles
from harvester_provider.wiring import Clusters

NO_FAULT = Fault("nothing")


class Deployers(Clusters):
    """The clusters of one program, each reached by the account that has the roles of the kind."""

    def __init__(self, by_files: Mapping[tuple[str, ...], Clusters]) -> None:
        super().__init__(ProviderSettings())
        self._by_files = by_files

    async def reach(self, kind: Kind[Any], *arguments: Any, **more: Any) -> KubeCluster:
        return await self._by_files[roles(kind.name, Flavour.HARVESTER)].reach(kind, *arguments, **more)

    async def close(self) -> None:
        for clusters in self._by_files.values():
            await clusters.close()


def connected(target: Target, kubeconfig: str) -> Clusters:
    """The connections of an account, to the Harvester and to the Rancher beside it."""
    rancher = {**target.rancher, "token": token(kubeconfig)}
    return Clusters(ProviderSettings.model_validate({**settings(target), "kubeconfig": kubeconfig, "clusters": {"rancher": rancher}}))


async def test_every_kind_needs_no_more_than_the_roles_of_its_file(simulated: Target, short_namespace: str, bucket: Bucket) -> None:
    assert simulated.local is not None
    score = Score()
    others = Others(simulated.local.kubeconfig_direct.read_text(), short_namespace, simulated.kubeconfig)
    with ExitStack() as stack:
        kubeconfigs: dict[tuple[str, ...], str] = {}
        for files in {roles(row.kind, Flavour.HARVESTER) for row in ROWS.values()}:
            kubeconfigs[files] = stack.enter_context(account(simulated, short_namespace, read(files), f"deployer-{files[-1]}"))
        words = {**known(simulated, short_namespace, bucket), "kubeconfig": kubeconfigs[roles("GuestNode", Flavour.HARVESTER)]}
        matrix = Matrix(ROWS, short_namespace, words, connecting(settings(simulated)))
        try:
            for step in STEPS:
                deployers = Deployers({files: connected(simulated, kubeconfig) for files, kubeconfig in kubeconfigs.items()})
                calls = Calls(ProviderSettings(), deployers)
                try:
                    await matrix.step(step, calls, NO_FAULT, score, others)
                finally:
                    await calls.close()
        finally:
            await matrix.end(NO_FAULT)
    assert not score.troubles, "\n".join(score.troubles)


def deprived(kind: str) -> list[Role]:
    """The roles of a kind without the right to make its objects."""
    return without(read(roles(kind, Flavour.HARVESTER)), KINDS[kind].api.plural, "create")


async def test_without_the_verb_the_error_names_it_and_the_kind_of_object_and_the_file(simulated: Target, short_namespace: str) -> None:
    words = {"image_url": simulated.image_url, "account": simulated.kubeconfig}
    made = {
        name: row
        for name, row in ROWS.items()
        if not (row.needs or KINDS[row.kind].adopts) and deprived(row.kind) != read(roles(row.kind, Flavour.HARVESTER))
    }
    matrix = Matrix(made, short_namespace, words, connecting(settings(simulated)))
    for name, row in made.items():
        with account(simulated, short_namespace, deprived(row.kind), f"no-{name}") as kubeconfig:
            calls = Calls(ProviderSettings(), connected(simulated, kubeconfig))
            try:
                checked = await calls.check(row.kind, {}, matrix.lives[name].inputs, Silent())
                assert not checked.problems
                with pytest.raises(Forbidden) as told:
                    await calls.create(row.kind, checked.inputs, Silent())
            finally:
                await calls.close()
        assert f'cannot create resource "{KINDS[row.kind].api.plural}"' in str(told.value)
        assert str(told.value).endswith(f"{row.kind} needs the roles in docs/rbac/reads.yaml and docs/rbac/{ROLES[row.kind]}.yaml")
    assert len(made) > 10
