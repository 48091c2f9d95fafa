"""The front door: what answers on a Harvester VIP, in front of the API server.

Proxy, KubeVirt's subresources, Harvester's own calls, first login; and the means to make any of it fail on request.
"""
