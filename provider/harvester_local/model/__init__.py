"""What Harvester's objects mean: pure readings of machines, volume templates and networks, shared by all parts.

Above it are controllers, admission and the front door, below it only the API's own words. No I/O, no state.
"""
