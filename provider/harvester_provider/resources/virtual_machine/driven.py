"""Machines that others made as nodes of guest clusters and keep: Rancher, Cluster API. They are read, and not touched by accident.

What is changed here is lost when its maker replaces the machine, and what is deleted here is made again.
"""

from harvester_provider.resources.drivers import cluster_of, maker_of
from harvester_provider.resources.virtual_machine.live import Live


def change(live: Live) -> str:
    """Why a machine is not to be changed, or an empty text."""
    advice = "change the machines' shape in that cluster; adopt=True changes this one all the same"
    return _theirs(live, f"replaces it sooner or later, without the change: {advice}")


def removal(live: Live) -> str:
    """Why a machine is not to be deleted, or an empty text."""
    advice = "ask for fewer machines in that cluster; `pulumi state delete` takes this one out of the program and leaves it as it is"
    return _theirs(live, f"would make another one: {advice}")


def _theirs(live: Live, consequence: str) -> str:
    maker = maker_of(live.labels)
    return f"{live.ref} is a node of {cluster_of(live.labels)}, made by {maker}, which {consequence}" if maker else ""
