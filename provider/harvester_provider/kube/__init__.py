"""The only door to the network: connections, requests, shared watches, and the translation of every error.

It knows objects and paths, never kinds. Everything in here runs on one event loop; `wiring` gives it that loop.
"""
