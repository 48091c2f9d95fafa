"""The kinds, one place each. Pure: inputs and snapshots in, plans, verdicts and outputs out. No I/O, no Pulumi.

`model` holds what every kind's models share, `registry` lists the kinds. Kinds do not know each other; what two of
them share moves to `core` or to `model`.
"""
