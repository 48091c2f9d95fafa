"""Settings of all tests."""

import os

from hypothesis import settings

# etcd, kube-apiserver and the Pulumi CLI are written in Go: with more memory they spend less of all processors on collecting garbage.
os.environ.setdefault("GOGC", "400")
os.environ.setdefault("GOMEMLIMIT", "800MiB")

# How long an example takes is the machine's business: speed is measured by `make bench`. The same examples each time, so that a test
# that failed fails again; `make fuzz` looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=int(os.environ.get("EXAMPLES", "2000")))
settings.load_profile("same")
