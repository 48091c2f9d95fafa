"""The contract of the provider: the models of all kinds, as a Pulumi package schema.

`package` holds the words, `models` reads them from the kinds, `document` writes them as schema.json. The language SDK
is made from the same `Package`. Nothing here runs in a program or in the provider's host.
"""
