"""The official JavaScript client, on a page of another origin. It is downloaded for the tests and not committed."""

import http.server
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

#: A PyPI wheel that contains the client as socket.io publishes it, the file in it, and its version.
_WHEEL, _MEMBER, _VERSION = "nicegui==3.18.0", "nicegui/static/socket.io.min.js", b"Socket.IO v4.8.1"


def client_script(folder):
    """The client as bytes. It is kept in `folder`, so that it is downloaded once."""
    kept = Path(folder) / "socket.io.min.js"
    if not kept.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _WHEEL], check=True
        )
        [wheel] = Path(folder).glob("nicegui-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            kept.write_bytes(archive.read(_MEMBER))
        wheel.unlink()
    script = kept.read_bytes()
    assert _VERSION in script[:200]
    return script


class Origin:
    """A web server with an empty page that loads the client. Its address is an origin other than the daemon's."""

    def __init__(self, script):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = {
                    "/": (
                        "text/html",
                        b"<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script src=/io.js></script>",
                    ),
                    "/io.js": ("text/javascript", script),
                }.get(self.path)
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", found[0] if found else "text/plain")
                self.end_headers()
                self.wfile.write(found[1] if found else b"")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
