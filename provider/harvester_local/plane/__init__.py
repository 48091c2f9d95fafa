"""The process that makes a bare API server a Harvester: `python -m harvester_local.plane --config plane.json`.

It installs kinds, furnishes the cluster and runs controllers, admission and the front door in one event loop. Only
assembly lives here; what each part does is in its own package.
"""
