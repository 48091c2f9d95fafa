"""How CDI marks the claims that it fills."""

from harvester_local.api.objects import Obj, annotations

AT_ONCE = "cdi.kubevirt.io/storage.bind.immediate.requested"
"""Annotation: bind and fill the claim now, also where its storage class waits for the first consumer."""
POD_PHASE = "cdi.kubevirt.io/storage.pod.phase"
"""Annotation: phase of the pod that fills it."""
DONE = "Succeeded"


def is_being_filled(claim: Obj) -> bool:
    """Whether its content is still to come."""
    return annotations(claim).get(POD_PHASE, DONE) != DONE
