"""A web server on a free loopback port that plays an archive host: it serves files, counts, and can break off."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ArchiveHost:
    """Serves `files` by path. `requests` counts GETs by path; paths in `broken` end half-way."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken: set[str] = set()
        self.requests: Counter[str] = Counter()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200)
                self.end_headers()

            def do_GET(self) -> None:
                host.requests[self.path] += 1
                content = host.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                whole = content or b""
                self.wfile.write(whole[: len(whole) // 2] if self.path in host.broken else whole)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; the port refuses connections from then on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
