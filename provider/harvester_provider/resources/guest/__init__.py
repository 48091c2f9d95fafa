"""Guest clusters on machines of ours, without Rancher: three small kinds and the user data of the machines.

`access` is what a guest may do in Harvester, `kubeconfig` what it gives back, `node` one of its nodes; the machines are
VirtualMachines. The SDK's `NestedCluster` puts them together. `user_data` decides what runs in a guest. No I/O anywhere.
"""
