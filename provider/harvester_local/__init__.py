"""A Harvester API on a laptop.

A real etcd and kube-apiserver, with simulated controllers, admission and a front door that behaves as a Harvester
VIP does. This package never imports `harvester_provider`, so that it cannot share its mistakes.
"""
