"""The end of a local Harvester: every process of it, and no other.

Used by `down`, by a start that failed, by the clean-up after a crash and by the guard. Whoever calls it holds the
folder's lock. It needs no certificates and no tools, so that stopping works when starting does not.
"""

import os
from dataclasses import replace

from harvester_local import processes
from harvester_local.layout import Layout
from harvester_local.state import State


def stop_all(layout: Layout, state: State) -> State:
    """Stop all processes of `state` and those its record missed; return and write the state without them."""
    layout.ready.unlink(missing_ok=True)
    running = {name: process for name, handle in state.processes.items() if (process := handle.process())}
    # kube-apiserver does not end while it waits for a database that is gone; the guard watches to the last.
    last = [running.pop(name) for name in ("etcd", "guard") if name in running]
    processes.stop(running.values())
    processes.stop(process for process in last if process.pid != os.getpid())
    processes.stop(processes.marked(state.instance))
    for handle in state.processes.values():
        handle.exit_code()  # an ended child of this process leaves the process table
    stopped = replace(state, processes={}, ready=False)
    stopped.write(layout.state)
    return stopped
