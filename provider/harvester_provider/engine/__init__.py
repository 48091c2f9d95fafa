"""The verbs: check, diff, create, read, update, delete. The only asynchronous decisions of the provider.

It sees the cluster only as `core.cluster.Cluster`, and kinds only as `core.kind.Kind`.
"""
