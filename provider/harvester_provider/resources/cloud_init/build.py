"""The builders' public names: user data and network data as typed values instead of text. The SDK hands them on."""

from harvester_provider.resources.cloud_init.network_data import Ethernet, NetworkData, Route
from harvester_provider.resources.cloud_init.user_data import File, User, UserData

__all__ = ["Ethernet", "File", "NetworkData", "Route", "User", "UserData"]
