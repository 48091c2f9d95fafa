"""`make bench`: what the provider costs, as ratios measured in one run."""
