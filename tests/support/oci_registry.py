"""OCI registries: a small one in a thread, whose tokens are asked for, and Debian's docker-registry, where it is.

with small_registry() as host, or real_registry(folder) as host:
    push(host, "models/prod", "v1", {"churn/current": b"1\\n"})
"""

import base64
import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests

from benchmarks.support.serving import eventually

__all__ = ["REGISTRY", "USER", "push", "real_registry", "small_registry"]

REGISTRY = shutil.which("docker-registry")
USER = base64.b64encode(b"ada:secret").decode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"
CONFIG = """
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: FOLDER}}
http: {addr: "127.0.0.1:PORT"}
"""


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push(host, repository, tag, files, annotations=None):
    """As `oras push` does: each file a layer, its path the title. Returns the artifact's digest."""
    root = f"http://{host}/v2/{repository}"
    for content in (*files.values(), b"{}"):
        begun = requests.post(f"{root}/blobs/uploads/", timeout=10)
        begun.raise_for_status()
        to = begun.headers["Location"]
        to = to if to.startswith("http") else f"http://{host}{to}"
        requests.put(to, params={"digest": sha256(content)}, data=content, timeout=10).raise_for_status()
    layers = [
        {
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": sha256(content),
            "size": len(content),
            "annotations": {TITLE: name} | (annotations or {}),
        }
        for name, content in files.items()
    ]
    config = {"mediaType": "application/vnd.unknown.config.v1+json", "digest": sha256(b"{}"), "size": 2}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
    done = requests.put(f"{root}/manifests/{tag}", data=manifest, headers={"Content-Type": MANIFEST}, timeout=10)
    done.raise_for_status()
    return sha256(manifest)


class Small(BaseHTTPRequestHandler):
    """Whoever reads needs a token, for which ada is asked; whoever writes does not."""

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/token":
            known = self.headers.get("Authorization") == f"Basic {USER}"
            return self.send(200 if known else 401, json.dumps({"token": "for ada"}).encode())
        if self.headers.get("Authorization") != "Bearer for ada":
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="small",scope="pull"'
            return self.send(401, b"{}", {"WWW-Authenticate": realm})
        found = self.server.kept.get(path)
        return self.send(200, found) if found is not None else self.send(404, b"{}")

    def do_POST(self):
        self.send(202, b"", {"Location": urlsplit(self.path).path})

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        if path.endswith("/blobs/uploads/"):
            path = path.replace("/uploads/", f"/{sha256(content)}")
        self.server.kept[path] = content
        self.send(201, b"")

    def send(self, status, content, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *told):
        pass


@contextlib.contextmanager
def small_registry():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Small)
    server.kept = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def real_registry(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "config.yml"
    config.write_text(CONFIG.replace("FOLDER", str(folder / "kept")).replace("PORT", str(port)))
    process = subprocess.Popen(
        [REGISTRY, "serve", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers():
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=10).ok
        return False

    try:
        eventually(answers, what="docker-registry")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
