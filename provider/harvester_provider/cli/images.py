"""`pulumi-harvester images`: which images nobody uses, and what they cost on the disks of the nodes. It reads and never deletes."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import NotHarvester
from harvester_provider.core.json import Object
from harvester_provider.core.ref import Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.image_usage import IMAGES, WANTS, Usage, usages
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

Kubeconfig = Annotated[str | None, typer.Option(help="Path or text of the kubeconfig. Default: KUBECONFIG, then ~/.kube/config.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
Everything = Annotated[bool, typer.Option("--all", help="Show the images that are used too, and by whom.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: sizes in bytes.")]


def images(kubeconfig: Kubeconfig = None, context: Context = None, *, everything: Everything = False, as_json: AsJson = False) -> None:
    """List images that nobody uses, the most expensive first, with what they take on the disks of the nodes."""
    found = asyncio.run(_report(ProviderSettings(kubeconfig=kubeconfig, context=context)))
    shown = [usage for usage in found if everything or usage.unused]
    if as_json:
        typer.echo(json.dumps([usage.wire() for usage in shown], indent=2))
    else:
        _print(shown, found)


async def _report(settings: ProviderSettings) -> list[Usage]:
    clusters = Clusters(settings)
    try:
        cluster = await clusters.get(None)
        listed = await asyncio.gather(*(_listed(cluster, want) for want in WANTS))
        return usages(Snapshot({}, dict(zip(WANTS, listed, strict=True))))
    finally:
        await clusters.close()


async def _listed(cluster: Cluster, want: Listing) -> tuple[Object, ...]:
    """All of a kind; none where the cluster does not serve it, except for images themselves."""
    try:
        return await cluster.list(want)
    except NotHarvester:
        if want == IMAGES:
            raise
        return ()


def _print(shown: list[Usage], found: list[Usage]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("IMAGE", "DISPLAY NAME", "SIZE", "COPIES", "ON DISKS", "NODES", "USED BY"):
        table.add_column(title, justify="right" if title in {"SIZE", "COPIES", "ON DISKS"} else "left", no_wrap=True)
    for usage in shown:
        table.add_row(
            usage.image, usage.display_name, _mib(usage.size), str(usage.copies), _mib(usage.cost), ", ".join(usage.nodes) or "?",
            ", ".join(usage.users) or "nobody",
        )  # fmt: skip
    if shown:
        console.print(table)
    idle = [usage for usage in found if usage.unused]
    cost = _mib(sum(usage.cost for usage in idle))
    console.print(f"{len(idle)} of {len(found)} images are not used. They take {cost} on the nodes' disks.")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
