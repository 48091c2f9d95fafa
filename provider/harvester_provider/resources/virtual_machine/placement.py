"""Placement as inputs: which nodes a machine wants, which machines it wants near or apart, and which taints it bears.

Shapes and defaults only; rules are in `check_hardware`, and what is written for them in `affinity`.
"""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.labels import LabelName, LabelNameOrEmpty, Labels, LabelValue
from harvester_provider.resources.model import Model, Name

Weight = Field(default=None, ge=1, le=100)


class LabelMatch(Model):
    """One condition on a label."""

    key: LabelName
    """Name of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = "In"
    """How it is compared. `Gt` and `Lt` compare numbers, of labels of nodes only."""
    values: list[LabelValue] = []
    """The values; none with `Exists` and `DoesNotExist`, one with `Gt` and `Lt`."""


class NodeTerm(Model):
    """Nodes that a machine may, or would rather, run on."""

    match: list[LabelMatch] = Field(min_length=1)
    """Conditions on the labels of a node; all of them hold for it."""
    weight: int | None = Weight
    """How much it is preferred, from 1 to 100. Default: it is required, that is, the node fits one of the terms without a weight."""


class MachineTerm(Model):
    """Machines that a machine shall be near to, or apart from."""

    match_labels: Labels = {}
    """Labels of those machines (`labels`, and `tags` as `tag.harvesterhci.io/<key>`)."""
    match: list[LabelMatch] = []
    """Further conditions on their labels; all of them hold."""
    namespaces: list[Name] = []
    """Where those machines are. Default: the machine's own namespace."""
    topology_key: LabelName = "kubernetes.io/hostname"
    """Label of nodes that says what near is: nodes with the same value are one place. Default: the same node."""
    weight: int | None = Weight
    """How much it is preferred, from 1 to 100. Default: it is required."""


class Toleration(Model):
    """A taint of nodes that the machine bears."""

    key: LabelNameOrEmpty = ""
    """Name of the taint. Empty with `Exists`: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Whether the value counts."""
    value: LabelValue = ""
    """The value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The effect of the taint. Default: every one."""
    toleration_seconds: int | None = None
    """How long it is borne, with `NoExecute`. Default: for ever."""
