"""What users send for images of source type upload, on its way from the front door to whoever stores it."""

import asyncio
from pathlib import Path

from harvester_local.controllers.transfer import Content, TransferError


class Uploads:
    """Content that users sent for images of source type upload, by the image's uid; its bytes are files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, asyncio.Future[Content]] = {}

    def file(self, uid: str) -> Path:
        """Where the bytes of an image go."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / uid

    def expect(self, uid: str) -> asyncio.Future[Content]:
        """The content to come. Only the first upload of an image counts."""
        return self._waiting.setdefault(uid, asyncio.get_running_loop().create_future())

    def deliver(self, uid: str, content: Content | TransferError) -> bool:
        """Hand over content, or why there is none; False when nobody waits for it."""
        future = self._waiting.get(uid)
        if future is None or future.done():
            return False
        if isinstance(content, TransferError):
            future.set_exception(content)
        else:
            future.set_result(content)
        return True

    def pass_on(self, uid: str, content: Content) -> None:
        """Hand over content that came for another object, to whoever waits for it as `uid`, now or later."""
        self.expect(uid)
        self.deliver(uid, content)

    def drop(self, uid: str) -> None:
        """Forget an image and its bytes."""
        (self._folder / uid).unlink(missing_ok=True)
        future = self._waiting.pop(uid, None)
        if future and not future.done():
            future.cancel()
