"""`python -m harvester_provider.schema [--check]`: write schema.json and docs/effects.md, or say which of them is out of date."""

import sys
from collections.abc import Mapping
from pathlib import Path

from harvester_provider.resources.functions import FUNCTIONS
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema import files
from harvester_provider.schema.document import schema_text
from harvester_provider.schema.effects_page import effects_page
from harvester_provider.schema.models import read_package


def _generate(root: Path) -> Mapping[Path, str]:
    text = schema_text(read_package(KINDS, ProviderSettings, FUNCTIONS))
    return {root / "schema.json": text, root / "docs" / "effects.md": effects_page()}


if __name__ == "__main__":
    sys.exit(
        files.main(
            "Write schema.json from the models of all kinds, and docs/effects.md from the table of effects.", "make schema", _generate
        )
    )
