"""The front end for Pulumi's plugin protocol: `pulumi-resource-harvester`, for programs in every language.

`server` listens, `servicer` answers the protocol's calls, `resources` runs the verbs behind them, `values` translates
property values both ways, `detail` tells changes by property path. No rule of Harvester is in here.
"""
