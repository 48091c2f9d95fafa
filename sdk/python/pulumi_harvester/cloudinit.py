"""Builders for cloud-init: user data and network data as typed values instead of text."""

from harvester_provider.resources.cloud_init.build import *  # noqa: F403  the builders belong to the provider, this is their public name
