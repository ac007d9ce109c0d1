"""The Hugging Face Hub, as far as reading the files of a commit goes, in a thread of this process.

with hub_server({("acme/models", "6a0c..."): {"prod/churn/current": b"1\\n"}}) as server:
    server.url
    server.asked        # the paths that were asked for
"""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

__all__ = ["hub_server"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        for (repository, commit), files in self.server.repositories.items():
            tree, resolve = f"/api/models/{repository}/tree/{commit}/", f"/{repository}/resolve/{commit}/"
            if path == f"/api/models/{repository}/revision/{commit}":
                return self.told({"id": repository, "sha": commit, "siblings": []})
            if path.startswith(tree):
                below = {name: content for name, content in files.items() if name.startswith(path[len(tree) :])}
                return self.told([described(name, content) for name, content in sorted(below.items())])
            if path.startswith(resolve) and path[len(resolve) :] in files:
                return self.send(200, files[path[len(resolve) :]])
        return self.send(404, b"{}")

    def told(self, value):
        self.send(200, json.dumps(value).encode(), "application/json")

    def send(self, status, content, kind="application/octet-stream"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *told):
        pass


def described(name, content):
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


@contextlib.contextmanager
def hub_server(repositories):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.repositories, server.asked = repositories, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
