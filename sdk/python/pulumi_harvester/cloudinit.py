"""Builders for cloud-init: user data and network data as typed values instead of text."""

from harvester_provider.resources.cloud_init.build import Ethernet, File, NetworkData, Route, User, UserData

__all__ = ["Ethernet", "File", "NetworkData", "Route", "User", "UserData"]
