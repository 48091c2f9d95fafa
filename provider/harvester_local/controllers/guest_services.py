"""Harvester's cloud provider in a guest: a service of type LoadBalancer gets its address from a LoadBalancer of Harvester.

It reaches Harvester with the credentials that the guest was given and with no others. kube-vip is part of it: an address that is
reserved is in use. What is left in Harvester when a guest ends stays there, as upstream's does.
"""

from harvester_local.api.client import MERGE, Api, ApiError
from harvester_local.api.kinds import LOAD_BALANCER, SERVICE
from harvester_local.api.objects import Obj, annotations, deleting, finalizers, items, key_of, part
from harvester_local.controllers.load_balancers import DHCP, leased
from harvester_local.model.guest_services import ADDRESS, FINALIZER, CloudAccess, balancer_of, key_in_harvester

_NOT_YET = 503


class CloudProvider:
    """The cloud provider of one guest. `callers` reaches Harvester's API without any credentials."""

    def __init__(self, callers: Api, access: CloudAccess) -> None:
        self._callers, self._access = callers, access

    async def serve(self, guest: Api, service: Obj) -> None:
        """Bring the LoadBalancer and the address in line with a service. Raises ApiError where it has to be looked at again."""
        if deleting(service) and FINALIZER in finalizers(service):
            await self._ask("DELETE", LOAD_BALANCER.path(*key_in_harvester(self._access, service)), missing=True)
            await guest.let_go(SERVICE, service, FINALIZER)
        elif part(service, "spec").get("type") == "LoadBalancer" and not deleting(service):
            await self._provide(guest, service)

    async def _provide(self, guest: Api, service: Obj) -> None:
        if FINALIZER not in finalizers(service):
            await guest.hold(SERVICE, service, FINALIZER)
            return
        key = key_in_harvester(self._access, service)
        found = await self._ask("GET", LOAD_BALANCER.path(*key), missing=True)
        if not found:
            found = await self._ask("POST", LOAD_BALANCER.path(key.namespace), balancer_of(self._access, service))
        given = part(found, "status", "allocatedAddress").get("ip")
        if not given:
            raise ApiError(_NOT_YET, "", f"load balancer {key} has no address yet")
        if annotations(service).get(ADDRESS) != given:
            await guest.patch(SERVICE, key_of(service), {"metadata": {"annotations": {ADDRESS: given}}})
        await self._use(guest, service, found, leased(found) if given == DHCP else given)

    async def _use(self, guest: Api, service: Obj, balancer: Obj, address: str) -> None:
        """Take an address into use, and tell Harvester."""
        if items(service, "status", "loadBalancer", "ingress") != [{"ip": address, "ipMode": "VIP"}]:
            await guest.patch_status(SERVICE, key_of(service), {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}})
        if part(balancer, "status").get("address") != address:
            path, body = LOAD_BALANCER.path(*key_of(balancer)), {"status": {"address": address}}
            await self._callers.call("PATCH", path, body, content_type=MERGE, headers=self._access.headers)

    async def _ask(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Obj:
        """A request to Harvester. With `missing`, what is not there is no error."""
        try:
            return await self._callers.call(method, path, body, headers=self._access.headers)
        except ApiError as error:
            if not missing or error.status != 404:
                raise
            return {}
