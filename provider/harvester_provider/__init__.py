"""The Harvester provider for Pulumi: a whole Harvester estate described as code.

`core` holds the words, `resources` the kinds, `engine` the verbs, `kube` the only door to the network, `frontends`
the hosts. Imports go one way: frontends, cli -> wiring -> (kube | engine | schema) -> resources -> core.
"""
