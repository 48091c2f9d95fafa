"""CustomResourceDefinitions of the simulated Harvester: the fields and enumerations that matter, all others preserved.

YAML files only; scope and status subresources follow upstream's, the schemas are our own.
"""
