"""IPPools and LoadBalancers: addresses are counted, given, taken back; machines that run come behind them.

kube-vip is part of it: an address that was given is in use at once, and DHCP answers from a network of its own. The
Services that upstream puts behind load balancers do not exist. Upstream: load-balancer-harvester pkg/controller.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import INSTANCE, IP_POOL, LOAD_BALANCER, Kind
from harvester_local.api.objects import Key, Obj, deleting, finalizers, items, key_of, labels, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.addresses import next_address, pool_for, spans

FINALIZER = "wrangler.cattle.io/harvester-load-balancer-controller"
DHCP = "0.0.0.0"  # noqa: S104  what upstream writes while DHCP is asked, no address to listen on


class IpPools:
    """Pools: the addresses of their ranges are counted."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Pools themselves."""
        return {IP_POOL: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Bring the numbers up to date."""
        pool = self._context.store.get(IP_POOL, key)
        if pool is None or deleting(pool):
            return None
        total, status = sum(span.total for span in spans(pool)), part(pool, "status")
        counted = {
            "lastAllocated": status.get("lastAllocated", ""),
            "total": total,
            "available": total - len(status.get("allocated") or {}),
        }
        counted["conditions"] = rancher(pool, "Ready", "True")
        if {**status, **counted} != status:
            await self._context.api.patch_version(IP_POOL, pool, {"status": counted})
        return None


class LoadBalancers:
    """Load balancers: an address, then the machines behind it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Load balancers, pools that may have an address for them, and the machines of their namespace."""
        return {LOAD_BALANCER: own_key, IP_POOL: self._all, INSTANCE: self._beside}

    def _all(self, _pool: Obj) -> Iterable[Key]:
        return [key_of(balancer) for balancer in self._context.store.all(LOAD_BALANCER)]

    def _beside(self, instance: Obj) -> Iterable[Key]:
        return [key_of(each) for each in self._context.store.all(LOAD_BALANCER, instance["metadata"]["namespace"])]

    async def reconcile(self, key: Key) -> float | None:
        """Give, move or take back the address; then write down who is behind it."""
        balancer = self._context.store.get(LOAD_BALANCER, key)
        if balancer is None:
            return None
        api = self._context.api
        if deleting(balancer):
            await self._release(balancer)
            await api.let_go(LOAD_BALANCER, balancer, FINALIZER)
            return None
        if FINALIZER not in finalizers(balancer):
            await api.hold(LOAD_BALANCER, balancer, FINALIZER)
            return None
        given, why = await self._address(balancer)
        status = self._status(balancer, given, why)
        if status != part(balancer, "status"):
            await api.patch(LOAD_BALANCER, key, [{"op": "add", "path": "/status", "value": status}])
        return None

    async def _address(self, balancer: Obj) -> tuple[Obj, str]:
        """The address that it has or gets now, and why it gets none."""
        spec, given = balancer["spec"], part(balancer, "status", "allocatedAddress")
        if spec.get("ipam") == "dhcp":
            return {"ip": DHCP}, ""
        wanted = spec.get("ipPool")
        if given.get("ipPool") and wanted in (None, "", given["ipPool"]):
            return given, ""
        await self._release(balancer)
        pool = self._pool(balancer, wanted)
        if pool is None:
            return {}, f"fail to get allocator {wanted}" if wanted else "no matching IPPool"
        return await self._take(pool, str(key_of(balancer)))

    def _pool(self, balancer: Obj, name: str | None) -> Obj | None:
        store = self._context.store
        return store.get(IP_POOL, Key("", name)) if name else pool_for(balancer, store.all(IP_POOL))

    async def _take(self, pool: Obj, holder: str) -> tuple[Obj, str]:
        name, status = pool["metadata"]["name"], part(pool, "status")
        found = next_address(pool, holder)
        if found is None:
            return {}, f"fail to get ip from pool {name}, error: no IP addresses available in range set"
        address, span = found
        taken = {**(status.get("allocated") or {}), address: holder}
        total = sum(each.total for each in spans(pool))
        body = {"allocated": taken, "lastAllocated": address, "total": total, "available": total - len(taken)}
        await self._context.api.patch_version(IP_POOL, pool, {"status": body})
        gateway = {"gateway": span.text(span.gateway)} if span.gateway is not None else {}
        return {"ipPool": name, "ip": address, "mask": str(span.subnet.netmask), **gateway}, ""

    async def _release(self, balancer: Obj) -> None:
        """Give back whatever it has, and remember it for the next time."""
        holder = str(key_of(balancer))
        for pool in self._context.store.all(IP_POOL):
            status = part(pool, "status")
            mine = [address for address, who in (status.get("allocated") or {}).items() if who == holder]
            if not mine:
                continue
            total = sum(each.total for each in spans(pool))
            left = len(status["allocated"]) - len(mine)
            body = {"allocated": dict.fromkeys(mine), "allocatedHistory": dict.fromkeys(mine, holder), "available": total - left}
            await self._context.api.patch_version(IP_POOL, pool, {"status": body})

    def _status(self, balancer: Obj, given: Obj, why: str) -> Obj:
        spec, known = balancer["spec"], part(balancer, "status")
        if spec.get("workloadType") == "cluster":
            ready = "False" if why else "True"
            return {**known, "allocatedAddress": given, "conditions": rancher(balancer, "Ready", ready, message=why)}
        address = "" if why or fault_of(balancer) is Fault.NO_ADDRESS else leased(balancer) if given.get("ip") == DHCP else given["ip"]
        servers = self._servers(balancer) if address else known.get("backendServers") or []
        if not why and not address:
            why = "service is waiting for external IP"
        if not why and not servers:
            why = "the load balancer has no running backend server"
        conditions = rancher(balancer, "Ready", "False" if why else "True", message=why)
        return {"allocatedAddress": given, "address": address, "backendServers": servers, "conditions": conditions}

    def _servers(self, balancer: Obj) -> list[str]:
        selector = part(balancer, "spec", "backendServerSelector")
        return [
            addresses[0]
            for instance in self._context.store.all(INSTANCE, balancer["metadata"]["namespace"])
            if not deleting(instance) and all(labels(instance).get(name) in values for name, values in selector.items())
            if (addresses := [nic["ipAddress"] for nic in items(instance, "status", "interfaces") if nic.get("ipAddress")])
        ]


def leased(balancer: Obj) -> str:
    """The address that DHCP gives: always the same one for the same object."""
    number = int(balancer["metadata"]["uid"].replace("-", "")[:8], 16)
    return f"192.168.{200 + number // 250 % 50}.{1 + number % 250}"
