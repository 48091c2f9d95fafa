"""Harvester in Pulumi programs: typed resources. Written by `make sdk`."""
