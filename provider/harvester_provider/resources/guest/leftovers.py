"""What a guest cluster has in Harvester besides its account: machines, and what its own programs made there.

Load balancers bear the cluster's name (cloud-provider-harvester pkg/cloud-controller-manager/loadbalancer.go). Volumes of
the CSI driver do not: they are called after a PersistentVolume of the guest, so that it can only be said which there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harvester_provider.core.json import dig_objects, dig_str
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import LOAD_BALANCER, PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE
from harvester_provider.resources.drivers import GUEST_CLUSTER

_CLUSTER = "loadbalancer.harvesterhci.io/cluster"
_VOLUME = "pvc-"


def wants(ref: Ref) -> Iterable[Want]:
    """What is looked at: the machines of the cluster that is called as `ref`, load balancers and volumes of its namespace."""
    return (_machines(ref), Listing(LOAD_BALANCER, ref.namespace), Listing(PERSISTENT_VOLUME_CLAIM, ref.namespace))


@dataclass(frozen=True, slots=True)
class Unused:
    """Judges by the machines that are left."""

    machines: Listing

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where there is none."""
        names = sorted(dig_str(machine, "metadata", "name") for machine in seen.listed(self.machines))
        return Waiting(f"{len(names)} machines of the guest cluster are left ({first_of(names)})") if names else Ready()


def machines_gone(ref: Ref, seconds: float) -> Await:
    """The wait until no machine of the cluster is left, with its node in it."""
    listing = _machines(ref)
    return Await(of=ref, until="used by no machine", wants=(listing,), judge=Unused(listing), seconds=seconds)


def notes(ref: Ref, seen: Snapshot) -> Iterable[str]:
    """What stays in Harvester."""
    balancers = sorted(
        dig_str(found, "metadata", "name")
        for found in seen.listed(Listing(LOAD_BALANCER, ref.namespace))
        if dig_str(found, "metadata", "annotations", _CLUSTER) == ref.name
    )
    if balancers:
        yield f"guest cluster {ref.name}: its cloud provider left load balancers in {ref.namespace}: {first_of(balancers)}: delete them"
    used = {
        dig_str(volume, "persistentVolumeClaim", "claimName")
        for machine in seen.listed(_machines(ref))
        for volume in dig_objects(machine, "spec", "template", "spec", "volumes")
    }
    claims = sorted(dig_str(found, "metadata", "name") for found in seen.listed(Listing(PERSISTENT_VOLUME_CLAIM, ref.namespace)))
    volumes = [name for name in claims if name.startswith(_VOLUME) and name not in used]
    if volumes:
        yield (
            f"guest cluster {ref.name}: volumes of a CSI driver are in {ref.namespace}, of this cluster or of another one: "
            f"{first_of(volumes)}: delete those that nobody needs, with their data"
        )


def _machines(ref: Ref) -> Listing:
    return Listing(VIRTUAL_MACHINE, ref.namespace, labels=((GUEST_CLUSTER, ref.name),))
