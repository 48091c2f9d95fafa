"""What is waited for around a change of the target: that no backup or restore runs before, that the target answers after.

Harvester refuses another target while any backup or restore is not finished (upstream pkg/webhook/resources/setting),
and Longhorn's own object says whether the storage really answers. Judges only; the engine waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harvester_provider.core.json import Object, condition, dig, dig_objects, dig_str, id_of
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import BACKUP, BACKUP_TARGET, RESTORE
from harvester_provider.resources.backup_target.value import LONGHORN_TARGET, SECRETS, decoded, url

BACKUPS, RESTORES = Listing(BACKUP), Listing(RESTORE)
_NOT_YET = "the cluster has not taken it over yet"


@dataclass(frozen=True, slots=True)
class Answers:
    """Judges that the target `wanted` (its URL) is the cluster's, its keys are put away, and it answers."""

    wanted: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Longhorn reaches it."""
        found = seen.get(BACKUP_TARGET)
        value, said = decoded(found), condition(found, "configured")
        if said.get("status") == "False" and dig_str(said, "message"):
            return Waiting(f"the cluster could not take it over: {dig_str(said, 'message')}")
        if url(value) != self.wanted or any(value.get(key) for key, _ in SECRETS.values()) or said.get("status") != "True":
            return Waiting(_NOT_YET)
        longhorn = seen.get(LONGHORN_TARGET)
        if dig_str(longhorn, "spec", "backupTargetURL") != self.wanted:
            return Waiting(_NOT_YET)
        return Ready() if dig(longhorn, "status", "available") is True else Waiting(f"it does not answer{_why(longhorn)}")


def _why(longhorn: Object) -> str:
    messages = [dig_str(each, "message") for each in dig_objects(longhorn, "status", "conditions") if each.get("status") == "True"]
    return f": {'; '.join(filter(None, messages))}" if any(messages) else ""


@dataclass(frozen=True, slots=True)
class Idle:
    """Judges that no backup and no restore runs."""

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where all are finished. Backups that failed never are."""
        if held := held_by(seen):
            return Failed(held, "delete them; then `pulumi up` goes on")
        return Waiting(f"not finished: {first_of(busy)}") if (busy := unfinished(seen)) else Ready()


def unfinished(seen: Snapshot) -> list[str]:
    """Backups that are not ready and restores that are not complete, which hold up another target."""
    return [*_names(BACKUPS, "readyToUse", seen), *_names(RESTORES, "complete", seen)]


def held_by(seen: Snapshot) -> str:
    """A sentence about backups that failed: they hold up another target until they are deleted. Empty where there are none."""
    found = [each for each in _listed(BACKUPS, seen) if dig(each, "status", "readyToUse") is not True and dig(each, "status", "error")]
    names = first_of([id_of(each) for each in found])
    return f"Harvester takes no other target while there are backups that failed ({names})" if names else ""


def stored(seen: Snapshot) -> list[str]:
    """Finished backups that lie on the target."""
    found = _listed(BACKUPS, seen)
    return [id_of(each) for each in found if dig(each, "spec", "type") != "snapshot" and dig(each, "status", "readyToUse") is True]


def _names(listing: Listing, done: str, seen: Snapshot) -> list[str]:
    busy = [each for each in _listed(listing, seen) if dig(each, "status", done) is not True or dig(each, "metadata", "deletionTimestamp")]
    return [f"{listing.api.kind} {id_of(each)}" for each in busy]


def _listed(listing: Listing, seen: Snapshot) -> Iterable[Object]:
    return seen.listed(listing) if listing in seen else ()


def idle(seconds: float) -> Await:
    """Wait until nothing runs on the target."""
    return Await(BACKUP_TARGET, "free for another target", (BACKUPS, RESTORES), Idle(), seconds)


def answers(wanted: str, seconds: float) -> Await:
    """Wait until the target answers."""
    return Await(BACKUP_TARGET, "answering", (BACKUP_TARGET, LONGHORN_TARGET), Answers(wanted), seconds)
