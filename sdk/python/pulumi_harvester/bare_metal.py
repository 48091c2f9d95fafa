"""Builders for bare metal: the files of Harvester's and RKE2's installation from one typed description of the hosts."""

from harvester_provider.resources.bare_metal import BgpPeer, Bond, Bridge, HarvesterSite, Host, KubeVip, Rke2Site, Subnet

__all__ = ["BgpPeer", "Bond", "Bridge", "HarvesterSite", "Host", "KubeVip", "Rke2Site", "Subnet"]
