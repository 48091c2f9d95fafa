"""The least that can stand in for the plane where a test is about the life cycle alone: it says ready, and waits.

Its first argument is its manner: `ready`; `fail`, which ends with exit code 1 and a last word; `never`, which is never ready.
"""

import json
import os
import signal
import sys
from pathlib import Path

manner, _, config = sys.argv[1:]
if manner == "fail":
    sys.exit("the front door is jammed")  # exit code 1, the text on stderr
if manner == "ready":
    Path(json.loads(Path(config).read_text())["ready"]).write_text(str(os.getpid()))
signal.pause()
