"""What a change does to a running guest, from nothing to the end of it."""

from enum import IntEnum


class Effect(IntEnum):
    """Ordered by how much the guest notices; the effect of a whole plan is the greatest of its parts."""

    NONE = 0
    METADATA = 1
    LIVE = 2
    MIGRATE = 3
    RESTART = 4
    STOP_MODIFY_START = 5
    REPLACE = 6
    REFUSED = 7

    @property
    def label(self) -> str:
        """The word that preview, docs and policies use, for example `stop-modify-start`."""
        return self.name.lower().replace("_", "-")

    @property
    def touches_running_guest(self) -> bool:
        """Whether it reaches a guest that goes on running."""
        return self in (Effect.LIVE, Effect.MIGRATE)

    @property
    def stops_guest(self) -> bool:
        """Whether a running guest is stopped by it."""
        return self >= Effect.RESTART
