"""The catalogue of tools holds together, and what programs and hosts print is read rightly."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_local.toolchain.catalog import CATALOG, Platform, Tool
from harvester_local.toolchain.download import checksum_of
from harvester_local.toolchain.search import parse_version

EVERY_TOOL = pytest.mark.parametrize("tool", CATALOG, ids=lambda tool: tool.name)


@EVERY_TOOL
def test_the_pinned_module_is_the_version_that_the_catalogue_names(tool: Tool) -> None:
    pins = dict(re.findall(r"^\t(\S+) v(\S+)", (tool.build.folder / "go.mod").read_text(), re.MULTILINE))
    module = max((name for name in pins if tool.build.package.startswith(name)), key=len)
    assert pins[module] == tool.version
    assert f"{module} v{tool.version} h1:" in (tool.build.folder / "go.sum").read_text()


@EVERY_TOOL
def test_every_archive_address_names_its_version_and_leaves_no_gap(tool: Tool) -> None:
    assert tool.archive
    for mirror in tool.archive.mirrors:
        here = mirror.on(Platform("linux", "amd64"))
        assert here.archive.startswith("https://")
        assert here.checksums.startswith("https://")
        assert "{" not in here.archive + here.checksums
        assert tool.archive.folder.rpartition("-")[2] in here.archive


DIGESTS = st.sampled_from([64, 128]).flatmap(lambda size: st.text("0123456789abcdef", min_size=size, max_size=size))
NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)


@given(st.dictionaries(NAMES, DIGESTS, min_size=1), st.sampled_from(["  ", " *", "\t"]), st.booleans())
def test_each_file_gets_its_own_checksum(sums: dict[str, str], gap: str, upper: bool) -> None:  # noqa: FBT001  hypothesis gives it
    text = "\n".join(f"{digest.upper() if upper else digest}{gap}{name}" for name, digest in sums.items())
    assert {name: checksum_of(text, name) for name in sums} == sums
    assert checksum_of(text, "no-such-file") is None


@given(st.text(), NAMES)
def test_no_text_breaks_the_reading_of_checksums(text: str, name: str) -> None:
    found = checksum_of(text, name)
    assert found is None or len(found) in {64, 128}


@given(
    st.lists(st.integers(0, 999), min_size=2, max_size=4),
    st.sampled_from(["v{}", "Kubernetes v{}", "etcd Version: {}\nGit SHA: 1", "go version go{} x"]),
)
def test_a_version_is_read_from_what_programs_print(parts: list[int], form: str) -> None:
    assert parse_version(form.format(".".join(map(str, parts)))) == tuple(parts)
