"""A virtual machine with Windows: installed from its ISO by an answer file, with the drivers and Hyper-V features that it runs best with.

`pulumi config set installed true` when it is there: the media are ejected, and the answer file with the password goes.
"""

from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
namespace = config.require("namespace")
installed = config.require_bool("installed")
prefix = pulumi.get_stack()  # several stacks can share a cluster

iso = harvester.Image("iso", name=f"{prefix}-iso", namespace=namespace, url=config.require("imageUrl"))
drivers = harvester.Image("drivers", name=f"{prefix}-drivers", namespace=namespace, url=config.require("driversUrl"))


def answers(password: str) -> str:
    """The answer file, with the administrator's password in it."""
    return Template((Path(__file__).parent / "autounattend.xml").read_text()).substitute(password=escape(password))


def drive(name: str, image: harvester.Image, size: str, boot_order: int | None = None) -> harvester.DiskArgs:
    """A CD-ROM drive, whose medium is taken out when Windows is installed."""
    medium = None if installed else image.id
    return harvester.DiskArgs(
        name=name,
        type="cd-rom",
        image=medium,
        size=None if installed else size,
        hot_plug=not installed,
        boot_order=boot_order,
        on_delete="delete",
    )


vm = harvester.VirtualMachine(
    "windows",
    name=f"{prefix}-windows",
    namespace=namespace,
    cpu=4,
    memory="8Gi",
    # Windows 11 and Windows Server 2025 ask for EFI with secure boot and for a TPM; BitLocker keeps its keys there over a stop.
    efi=True,
    secure_boot=True,
    persistent_efi=True,
    tpm=True,
    persistent_tpm=True,
    # What Windows expects of the machine below: a clock in local time, and Hyper-V's interfaces instead of emulated hardware.
    clock=harvester.ClockArgs(
        timezone=config.require("timezone"),
        timers=harvester.TimersArgs(hpet=False, pit="delay", rtc="catchup", hyperv=True),
    ),
    hyperv=[
        *("relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "synictimer"),
        *("reset", "frequencies", "reenlightenment", "tlbflush", "ipi"),
    ],
    disks=[
        harvester.DiskArgs(name="system", size="64Gi", boot_order=1, on_delete="delete"),
        drive("installer", iso, "8Gi", boot_order=2),
        drive("drivers", drivers, "1Gi"),
    ],
    sysprep=None if installed else harvester.SysprepArgs(autounattend=config.require_secret("password").apply(answers)),
    network_interfaces=[harvester.NetworkInterfaceArgs(name="default")],
)

pulumi.export("name", vm.name)
pulumi.export("status", vm.status)
pulumi.export("ipAddress", vm.ip_address)
