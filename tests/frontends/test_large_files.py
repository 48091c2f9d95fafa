"""Large local files, which take long to read."""

import asyncio
import os
from pathlib import Path

from fake_cluster import FakeCluster, Heard
from small_engine import CallsOn


async def test_other_work_goes_on_while_a_large_file_is_read_and_progress_is_told(tmp_path: Path) -> None:
    path, heard = tmp_path / "disk.img", Heard()
    path.touch()
    os.truncate(path, 300 << 20)
    asyncio.get_running_loop().call_soon(heard.progress, "other work")
    inputs = {"name": "disc", "namespace": "default", "owner": "shop/dev/disc", "sourceType": "upload", "file": str(path)}
    found = await CallsOn(FakeCluster()).check("Image", {}, inputs, heard)
    assert not found.problems
    assert found.inputs["fileSize"] == 300 << 20
    assert heard.steps == ["other work", f"reading {path}: 85 %"]
