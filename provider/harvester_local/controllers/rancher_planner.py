"""What Rancher's planner does: it gives agents their plans, servers before workers, as many at once as the upgrade strategy says.

Agents are told by Secrets, as upstream does. A node that is restarted for its new plan is emptied before and taken back afterwards, where
the strategy says so: that is asked for by annotations of the Secret, see `rancher_drains`. Upstream: pkg/capr/planner/{planner,drain}.go.
"""

import json

from harvester_local.api.kinds import SECRET
from harvester_local.api.objects import Key, Obj, annotations, part
from harvester_local.controllers.runtime import Context
from harvester_local.model.guests import agent_plan, decoded
from harvester_local.model.rancher import CLUSTER_NAME, MACHINE_NAME, PLAN_TYPE, encoded, figure, is_server, pool_of
from harvester_local.model.rancher_plans import DRAIN, DRAINED, UNCORDON, applied, drain_error, drain_hash, plan, plan_secret


class Planner:
    """The planner of all clusters."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def plan_of(self, machine: Obj) -> Obj | None:
        """The Secret with the plan of a Machine's agent."""
        return self._context.store.get(SECRET, plan_secret(machine))

    async def tell(self, cluster: Obj, machines: list[Obj]) -> str:
        """Give agents their next plans. What is waited for, empty where all is done. Raises ValueError as `plan` does."""
        ready = [machine for machine in machines if part(machine, "status").get("infrastructureReady")]
        servers = [machine for machine in ready if is_server(pool_of(cluster, machine))]
        init = not any(self.plan_of(machine) for machine in servers) and not part(cluster, "status").get("ready")
        if init:
            if servers:
                await self._write(cluster, servers[0], self._wanted(cluster, servers[0], init=True))
            return "waiting for at least one control plane, etcd, and worker node to be registered"
        if not any(applied(self.plan_of(machine)) for machine in servers):
            return "configuring bootstrap node(s): waiting for agent to check in and apply initial plan"
        workers = [machine for machine in ready if machine not in servers]
        for name, tier in (("controlPlane", servers), ("worker", workers)):
            if told := await self._tier(cluster, tier, name, alone=len(machines) == 1):
                return told
        return ""

    async def _tier(self, cluster: Obj, tier: list[Obj], name: str, *, alone: bool) -> str:
        """The next step of each machine of a tier, and what is waited for. A single node is never emptied: its pods could go nowhere."""
        strategy = part(cluster, "spec", "rkeConfig", "upgradeStrategy")
        options = part(strategy, f"{name}DrainOptions")
        away = [machine for machine in tier if _away(self.plan_of(machine))]
        room = max(figure(strategy.get(f"{name}Concurrency") or "1", len(tier), up=True), 1) - len(away)
        said: dict[str, str] = {}
        for machine in tier:
            secret = self.plan_of(machine)
            wanted = self._wanted(cluster, machine, init=secret is not None and agent_plan(secret).first)
            if secret is None:
                await self._write(cluster, machine, wanted)
                why = "waiting for agent to check in and apply initial plan"
            elif decoded(secret, "plan") == wanted:
                why = await self._finish(secret)
            elif machine in away or room > 0:
                room -= machine not in away
                why = await self._renew(cluster, machine, wanted, {} if alone or not options.get("enabled") else options)
            else:
                why = "waiting for its turn"
            if why:
                said[machine["metadata"]["name"]] = why
        return f"configuring {name.lower()} node(s) {','.join(sorted(said)[:3])}: {min(said.items())[1]}" if said else ""

    async def _finish(self, secret: Obj) -> str:
        """Take a node back that was emptied, once its agent has done what it was told. What is waited for."""
        if not applied(secret):
            return "waiting for agent to apply its plan"
        if not annotations(secret).get(DRAIN):
            return ""
        if not annotations(secret).get(UNCORDON):
            await self._mark(secret, UNCORDON, annotations(secret)[DRAIN])
        return "waiting for uncordon to finish"

    async def _renew(self, cluster: Obj, machine: Obj, wanted: str, draining: Obj) -> str:
        """Another plan for a node that has one: where it is restarted for it, it is emptied first. What is waited for."""
        secret = self.plan_of(machine) or {}
        wish = json.dumps(draining, sort_keys=True)
        restarts = drain_hash(decoded(secret, "appliedPlan")) != drain_hash(wanted)
        if draining and restarts and annotations(secret).get(DRAINED) != wish:
            if annotations(secret).get(DRAIN) != wish:
                await self._mark(secret, DRAIN, wish)
            return drain_error(secret) or "draining node"
        await self._write(cluster, machine, wanted)
        return "waiting for agent to apply its plan"

    def _wanted(self, cluster: Obj, machine: Obj, *, init: bool) -> str:
        namespace = cluster["metadata"]["namespace"]
        return plan(cluster, machine, lambda name: self._context.store.get(SECRET, Key(namespace, name)), init=init)

    async def _mark(self, secret: Obj, name: str, value: str) -> None:
        await self._context.api.patch_version(SECRET, secret, {"metadata": {"annotations": {name: value}}})

    async def _write(self, cluster: Obj, machine: Obj, text: str) -> None:
        key, data = plan_secret(machine), {"plan": encoded(text)}
        if self.plan_of(machine) is not None:
            await self._context.api.patch(SECRET, key, {"data": data})
            return
        marks = {CLUSTER_NAME: cluster["metadata"]["name"], MACHINE_NAME: machine["metadata"]["name"]}
        meta = {"name": key.name, "namespace": key.namespace, "labels": marks}
        await self._context.api.ensure(SECRET, {"metadata": meta, "type": PLAN_TYPE, "data": data})


def _away(secret: Obj | None) -> bool:
    """Whether a node has not come back from its last change."""
    return secret is not None and (not applied(secret) or bool(annotations(secret).get(DRAIN)))
