"""The files that hosts are installed by, from one description of them: nothing is asked of any cluster.

A Harvester cluster of three hosts that boot by iPXE, and the single-node "poor man's Harvester" on RKE2 of the article.
"""

from pathlib import Path

import pulumi

from pulumi_harvester import bare_metal

config = pulumi.Config()
folder = config.get("folder")

SUBNET = bare_metal.Subnet(cidr="192.168.48.0/24", gateway="192.168.48.1")


def files(token: str) -> dict[str, str]:
    """The texts by path. Both descriptions are checked first: etcd's number, the VIP, NICs, MACs, addresses."""
    harvester = bare_metal.HarvesterSite(
        token=token,
        url=config.require("bootUrl"),
        vip="192.168.48.10",
        release="v1.8.0",
        subnet=SUBNET,
        hosts=[
            bare_metal.Host(
                name=f"node{number}",
                mac=f"52:54:00:ec:0e:0{number}",
                nics=["ens5", "ens6"],
                address=f"192.168.48.{10 + number}",
                data_disk="/dev/sdb",
            )
            for number in (1, 2, 3)
        ],
    )
    parvester = bare_metal.Rke2Site(
        token=token,
        join_address="parvester.192.168.48.73.sslip.io",
        tls_san=["192.168.48.73"],
        kubeconfig_mode="0644",
        subnet=SUBNET,
        servers=[bare_metal.Host(name="parvester", nics=["eth0"], address="192.168.48.73")],
        bridges=[bare_metal.Bridge(name="br0", uplink="eth1")],
    )
    texts = {f"harvester/{path}": text for path, text in harvester.files().items()}
    return texts | {f"rke2/{path}": text for path, text in parvester.files().items()}


def write(texts: dict[str, str]) -> list[str]:
    """Write the files where there is a folder for them, readable for nobody else: they hold the token."""
    for path, text in texts.items() if folder else ():
        target = Path(folder or "") / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(text)
    return sorted(texts)


texts = pulumi.Output.secret(config.require("token")).apply(files)
pulumi.export("files", texts)
pulumi.export("paths", pulumi.Output.unsecret(texts.apply(write)))
