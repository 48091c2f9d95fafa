"""The errors of the local Harvester and of the search for its programs."""


class LocalError(Exception):
    """Something a user can mend. The message says who, what, why and what to do next."""
