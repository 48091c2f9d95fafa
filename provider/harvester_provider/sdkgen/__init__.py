"""The generator of the Python SDK: from the schema's `Package` to typed resource classes in `sdk/python/pulumi_harvester`.

`source` writes small pieces of Python, `modules` puts a module together, `__main__` writes the files. The hand-written
part of the SDK (`_resource`, `_types`, `cloudinit`) is none of its business.
"""
