"""`pulumi-harvester import`: from a living cluster to a program, an import file and a report, in one folder. Changes nothing there.

What is read and what is left out is decided by `engine.estate`, the text is written by `cli.program`.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harvester_provider.cli.program import Program, write
from harvester_provider.core.errors import HarvesterError
from harvester_provider.engine.estate import Estate, survey
from harvester_provider.resources.dialects import speaks, spoken
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.wiring import Clusters

Out = Annotated[Path, typer.Option(help="The folder to write; must not hold a program yet.")]
Namespaces = Annotated[list[str] | None, typer.Option("--namespace", help="Only this namespace. Can be given several times.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only this kind, such as VirtualMachine. Can be given several times.")]
Kubeconfig = Annotated[str | None, typer.Option(help="Path to a kubeconfig. Default: KUBECONFIG, then ~/.kube/config.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
Endpoint = Annotated[str | None, typer.Option(help="URL of Harvester's own API (https://VIP), where the kubeconfig does not tell it.")]
EndpointCa = Annotated[str | None, typer.Option(help="Certificate authority of that API: a path to PEM text. Default: the kubeconfig's.")]


def command(
    out: Out = Path("adopted"),
    namespace: Namespaces = None,
    kind: Kinds = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    endpoint: Endpoint = None,
    endpoint_ca: EndpointCa = None,
) -> None:
    """Write a program that declares what a cluster has, an import file for `pulumi import`, and a report of what was left out."""
    for name in kind or ():
        if name not in KINDS:
            raise HarvesterError(f"--kind {name}: there is no such kind: there are {', '.join(KINDS)}")
    if (out / "Pulumi.yaml").exists():
        raise HarvesterError(f"{out} holds a program already: name another folder with --out")
    settings = ProviderSettings(kubeconfig=kubeconfig, context=context, endpoint=endpoint, endpoint_ca=endpoint_ca)
    estate = asyncio.run(_look(settings, kind or [], namespace or []))
    program = write(estate.adopted)
    save(out, program, estate)
    typer.echo(_next(out, program, estate))


async def _look(settings: ProviderSettings, kinds: list[str], namespaces: list[str]) -> Estate:
    """What there is of `kinds`, or of all that such a cluster has. NotHarvester for one that it has not."""
    clusters = Clusters(settings)
    try:
        cluster = await clusters.get(None)
        flavour = await cluster.flavour()
        return await survey({name: speaks(name, flavour) for name in kinds} or spoken(flavour), cluster, namespaces)
    finally:
        await clusters.close()


def save(out: Path, program: Program, estate: Estate) -> None:
    """Write all files. Secrets go into a file that only the user can read, for the stack's configuration."""
    out.mkdir(parents=True, exist_ok=True)
    name = out.resolve().name
    about = f"name: {name}\ndescription: Adopted from a living cluster\nruntime: python\n"
    (out / "Pulumi.yaml").write_text(f"{about}config:\n  harvester:frontend:\n    value: plugin\n", encoding="utf-8")
    (out / "__main__.py").write_text(program.text, encoding="utf-8")
    (out / "requirements.txt").write_text("pulumi-harvester\n", encoding="utf-8")
    (out / "import.json").write_text(json.dumps({"resources": program.imports}, indent=2) + "\n", encoding="utf-8")
    (out / ".gitignore").write_text("secrets.json\n", encoding="utf-8")
    (out / "left-out.md").write_text(_report(estate), encoding="utf-8")
    if program.secrets:
        values = {f"{name}:{key}": {"value": value, "secret": True} for key, value in program.secrets.items()}
        path = out / "secrets.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _report(estate: Estate) -> str:
    if not estate.left_out:
        return "# Left out\n\nNothing.\n"
    lines = [f"| {each.what} | {each.why.replace('|', '/')} |" for each in estate.left_out]
    return "\n".join(["# Left out", "", "| object | why |", "|---|---|", *lines, ""])


def _next(out: Path, program: Program, estate: Estate) -> str:
    found = Counter(each.kind.name for each in estate.adopted)
    counted = ", ".join(f"{count} {name}" for name, count in found.items()) or "nothing"
    secrets = ['  pulumi config set-all --json "$(cat secrets.json)" && rm secrets.json'] if program.secrets else []
    return "\n".join([
        f"{out}: {counted}; left out: {len(estate.left_out)} (see left-out.md). Next:",
        f"  cd {out} && pulumi stack init",
        "  pulumi config set --secret harvester:kubeconfig < KUBECONFIG",
        *secrets,
        "  pulumi import --file import.json --generate-code=false",
        "  pulumi preview     # shows no change",
    ])  # fmt: skip
