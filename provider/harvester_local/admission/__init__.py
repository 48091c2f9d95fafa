"""Simulated admission: what Harvester's, KubeVirt's and the network's webhooks write back and refuse, in their words.

Each rule is a pure function over a request and the world as the store knows it; only server.py speaks HTTP.
"""
