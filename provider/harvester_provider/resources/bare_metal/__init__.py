"""Bare metal: from one typed description of the hosts to the files that their installation reads. No API reaches a host before that.

`harvester` writes Harvester's create and join configurations with iPXE scripts, `rke2` the files of a plain RKE2 cluster with
its bridges and its VIP, `hosts` has what both share. Values in, texts by path out; writing them somewhere is the program's.
"""

from harvester_provider.resources.bare_metal.harvester import HarvesterSite
from harvester_provider.resources.bare_metal.hosts import Bond, Host, Subnet
from harvester_provider.resources.bare_metal.rke2 import BgpPeer, Bridge, KubeVip, Rke2Site

__all__ = ["BgpPeer", "Bond", "Bridge", "HarvesterSite", "Host", "KubeVip", "Rke2Site", "Subnet"]
