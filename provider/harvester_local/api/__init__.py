"""What every part of the simulated Harvester shares: kinds, objects, the client, the store of seen objects, version rules.

Lowest layer of the plane: it knows the Kubernetes API and nothing of what a machine, an image or a network does.
"""
