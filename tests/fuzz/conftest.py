"""The counts that `make fuzz` prints."""

from collections import Counter

import pytest

SEEN = pytest.StashKey[Counter[str]]()


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> Counter[str]:
    """What became of the examples, over the whole run."""
    return request.config.stash.setdefault(SEEN, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(SEEN, None)
    if found:
        terminalreporter.section("what became of the inputs")
        for what, count in sorted(found.items()):
            terminalreporter.line(f"{what:60} {count:8}")
