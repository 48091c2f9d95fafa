"""Start the plane: `python -m harvester_local.plane --config FILE`. It runs until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from harvester_local.plane.config import PlaneConfig
from harvester_local.plane.run import run


def main() -> int:
    """Read the configuration and run; 0 after an asked-for end, 1 with a line on stderr when it cannot start."""
    parser = argparse.ArgumentParser(prog="harvester_local.plane", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="plane.json, as the life-cycle code writes it")
    path = parser.parse_args().config
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        config = PlaneConfig.read(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"plane: {path} cannot be used: {error!r}: have it written anew by `pulumi-harvester local up`\n")
        return 1
    asyncio.run(run(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
