"""Simulated controllers: what Harvester's, KubeVirt's, Longhorn's and the network's controllers would do, in time.

They see the cluster through the store, write through the client, and are called by events and deadlines alone.
"""
