"""Official archives: fetched only from hosts that answer, checked before they are opened, and unpacked file by file.

A host that does not answer is asked once in the life of a `Downloads`, not once per tool. What comes out is a folder of
programs; where it belongs in the cache is decided by the caller.
"""

import hashlib
import re
import shutil
import tarfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from harvester_local.toolchain.catalog import Archive, Mirror

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 30.0
PROBE_SECONDS = 6.0
"""How long the first look at all hosts may take, slow name servers included."""
CHUNK = 1 << 20
ALGORITHMS = {64: "sha256", 128: "sha512"}
"""Hash by its number of hexadecimal digits."""


class DownloadError(Exception):
    """An archive could not be had from one address. The message says why; there may be another way."""


class Downloads:
    """Fetches archives, and remembers which hosts did not answer."""

    def __init__(self) -> None:
        self._answers: dict[str, bool] = {}

    def probe(self, mirrors: Iterable[Mirror]) -> list[str]:
        """Ask all hosts at once whether they are there; return those that are not and were not asked before."""
        hosts = {_host(mirror.archive): mirror.archive for mirror in mirrors}
        new = {host: address for host, address in hosts.items() if host not in self._answers}
        threads = [threading.Thread(target=self._ask, args=item, daemon=True) for item in new.items()]
        for host in new:
            self._answers[host] = False
        for thread in threads:
            thread.start()
        end = time.monotonic() + PROBE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return sorted(host for host in new if not self._answers[host])

    def answers(self, mirror: Mirror) -> bool:
        """Whether the mirror's host answered, or has not been asked."""
        return self._answers.get(_host(mirror.archive), True)

    def fetch(self, archive: Archive, mirror: Mirror, folder: Path) -> None:
        """Put the archive's files into `folder`, executable. Raises DownloadError."""
        name = urlsplit(mirror.archive).path.rpartition("/")[2]
        part = folder / f"{name}.part"
        try:
            expected = checksum_of(self._text(mirror.checksums), name)
            if expected is None:
                raise DownloadError(f"{mirror.checksums} has no checksum of {name}")
            actual = self._stream(mirror.archive, part, ALGORITHMS[len(expected)])
            if actual != expected:
                raise DownloadError(f"{mirror.archive} is not what {mirror.checksums} says; it was thrown away")
            _unpack(part, archive.files, folder, name)
        except requests.HTTPError as error:
            raise DownloadError(str(error)) from error
        except requests.RequestException as error:
            self._answers[_host(mirror.archive)] = False
            raise DownloadError(f"{mirror.archive}: {type(error).__name__}") from error
        finally:
            part.unlink(missing_ok=True)

    def _ask(self, host: str, address: str) -> None:
        parts = urlsplit(address)
        try:
            requests.head(f"{parts.scheme}://{parts.netloc}/", timeout=(CONNECT_SECONDS, CONNECT_SECONDS))
        except requests.RequestException:
            return
        self._answers[host] = True

    def _text(self, address: str) -> str:
        answer = requests.get(address, timeout=(CONNECT_SECONDS, SILENCE_SECONDS))
        answer.raise_for_status()
        return answer.text

    def _stream(self, address: str, part: Path, algorithm: str) -> str:
        digest = hashlib.new(algorithm)
        with requests.get(address, timeout=(CONNECT_SECONDS, SILENCE_SECONDS), stream=True) as answer, part.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()


def checksum_of(text: str, name: str) -> str | None:
    """The SHA-256 or SHA-512 of file `name` in a checksum file: `HASH  NAME` lines, or nothing but the hash."""
    for line in text.splitlines():
        match line.split():
            case [digest]:
                pass
            case [digest, file] if file.removeprefix("*") == name:
                pass
            case _:
                continue
        if len(digest) in ALGORITHMS and re.fullmatch(r"[0-9a-fA-F]+", digest):
            return digest.lower()
    return None


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _unpack(part: Path, files: tuple[str, ...], folder: Path, name: str) -> None:
    """Take the wanted files, wherever they lie in the archive, and nothing else; a bare program is its own archive."""
    if not name.endswith((".tar.gz", ".tgz")):
        [only] = files
        part.replace(folder / only)
        (folder / only).chmod(0o755)
        return
    missing = set(files)
    try:
        with tarfile.open(part) as archive:
            for member in archive:
                wanted = Path(member.name).name
                content = archive.extractfile(member) if member.isfile() and wanted in missing else None
                if content:
                    with content, (folder / wanted).open("wb") as file:
                        shutil.copyfileobj(content, file, CHUNK)
                    (folder / wanted).chmod(0o755)
                    missing.discard(wanted)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DownloadError(f"{name} cannot be unpacked: {error}") from error
    if missing:
        raise DownloadError(f"{name} has no {', '.join(sorted(missing))}")
