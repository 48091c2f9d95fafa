"""Guest clusters that a Rancher makes on machines of Harvester: its credential for Harvester, and the cluster.

Both kinds are in Rancher's API, not in Harvester's: their `cluster` is the name of a Rancher in `harvester:clusters`. The
machines are Rancher's, and nothing here touches them. `pools` writes and reads what Rancher has of a pool, `status` judges.
"""
