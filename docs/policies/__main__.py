"""Rules of a team for its Harvester, as a policy pack: `pulumi preview --policy-pack docs/policies`.

They hold before anything happens, for both front ends: inputs have the names of the wire, types end with the kind.
"""

from collections.abc import Callable
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

Rule = Callable[[ResourceValidationArgs, ReportViolation], None]


def of(kind: str, rule: Rule) -> Rule:
    """The rule, for resources of one kind."""

    def checked(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.rpartition(":")[2] == kind:
            rule(args, report)

    return checked


def keeps_data(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Data goes only where a backup holds it."""
    for disk in args.props.get("disks") or []:
        if disk.get("onDelete") == "delete" and not disk.get("image"):
            report(f"disk {disk['name']} would be deleted with its data: write on_delete='keep', or 'delete-backed-up'")


def has_checksum(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """What is downloaded is what was meant."""
    if args.props.get("url") and not args.props.get("checksum"):
        report("an image that is downloaded needs its checksum (SHA-512)")


def is_small(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """No machine takes more CPUs than the team may have."""
    most = args.get_config()["cpu"]
    if (args.props.get("cpu") or 1) > most:
        report(f"{args.props['cpu']:g} CPUs are more than {most:g}: ask for them")


def is_saved(args: StackValidationArgs, report: ReportViolation) -> None:
    """Every machine of the stack has a schedule of backups."""

    def named(kind: str, prop: str) -> set[str]:
        found = [each.props for each in args.resources if each.resource_type.rpartition(":")[2] == kind]
        return {str(props[prop]).rpartition("/")[2] for props in found if isinstance(props.get(prop), str)}

    for machine in sorted(named("VirtualMachine", "name") - named("BackupSchedule", "virtualMachine")):
        report(f"machine {machine} has no BackupSchedule")


def resource_rule(name: str, kind: str, rule: Rule, level: EnforcementLevel, **more: Any) -> ResourceValidationPolicy:
    """A rule of the pack, with its docstring as the description."""
    return ResourceValidationPolicy(name=name, description=rule.__doc__ or name, validate=of(kind, rule), enforcement_level=level, **more)


PolicyPack(
    name="harvester",
    policies=[
        resource_rule("data-is-kept", "VirtualMachine", keeps_data, EnforcementLevel.MANDATORY),
        resource_rule("images-have-checksums", "Image", has_checksum, EnforcementLevel.MANDATORY),
        resource_rule(
            "machines-are-small", "VirtualMachine", is_small, EnforcementLevel.MANDATORY,
            config_schema=PolicyConfigSchema(properties={"cpu": {"type": "number", "default": 8}}),
        ),
        StackValidationPolicy(
            name="machines-are-saved", description=is_saved.__doc__ or "", validate=is_saved, enforcement_level=EnforcementLevel.ADVISORY
        ),
    ],
)  # fmt: skip
