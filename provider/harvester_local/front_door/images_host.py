"""Sample images over plain HTTP, so that examples and tests need no internet.

`/images/<name>.qcow2` and `/images/<name>.img` exist for every name but `missing`; their content follows from the name.
`<file>.sha512` is its checksum. HEAD and Range work as on a real mirror.
"""

import hashlib
import random
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from aiohttp import web

VIRTUAL_SIZE = 256 << 20
"""What a guest sees of a qcow2 image, in bytes."""
_QCOW2_SIZE, _RAW_SIZE = 256 << 10, 1 << 20
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\.(qcow2|img|raw|iso)")
_ABSENT = "missing"


@lru_cache(maxsize=32)
def sample_image(name: str, form: str) -> bytes:
    """Content of an image: a qcow2 with a correct header, or a raw disk with a boot signature."""
    noise = random.Random(f"{name}.{form}")  # noqa: S311  content to tell images apart, not secrets
    if form == "qcow2":
        header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, VIRTUAL_SIZE)
        return header + noise.randbytes(_QCOW2_SIZE - len(header))
    return noise.randbytes(510) + b"\x55\xaa" + noise.randbytes(_RAW_SIZE - 512)


async def _serve(request: web.Request) -> web.StreamResponse:
    path = request.match_info["file"]
    checksum = path.endswith(".sha512")
    found = _NAME.fullmatch(path.removesuffix(".sha512"))
    if not found or found[1] == _ABSENT:
        raise web.HTTPNotFound(text=f"{path}: no such image\n")
    content = sample_image(found[1], found[2])
    if checksum:
        return web.Response(text=f"{hashlib.sha512(content).hexdigest()}  {found[0]}\n")
    return _ranged(request, content)


def _ranged(request: web.Request, content: bytes) -> web.Response:
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    try:
        asked = request.http_range
    except ValueError:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{len(content)}"})
    if asked.start is None and asked.stop is None:
        return web.Response(body=content, headers=headers)
    start, stop, _ = asked.indices(len(content))
    if start >= stop:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{len(content)}"})
    return web.Response(
        status=206, body=content[start:stop], headers={**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
    )


@asynccontextmanager
async def serve_images(port: int) -> AsyncIterator[None]:
    """Within the block the images are served on 127.0.0.1."""
    app = web.Application()
    app.router.add_get("/images/{file}", _serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
