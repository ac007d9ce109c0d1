"""A real nginx for tests, with a configuration of deploy/ on a port of its own.

with behind_nginx(store, folder, changes=[("limit_conn instance 128", "limit_conn instance 16")]) as (server, url): ...
"""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress

from benchmarks.support.serving import ROOT, eventually, live_server, ready

__all__ = ["CONFIG", "NGINX", "behind_nginx", "free_port", "nginx"]

CONFIG = ROOT / "deploy" / "nginx.conf"
# Debian puts it where only root looks.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def nginx(folder, changes=(), written_in=CONFIG):
    """nginx on a free port, with its files in `folder`; yields its URL. Ends it, and checks that it ended well."""
    port = free_port()
    text = written_in.read_text()
    for written, here in (
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("unix:/run/daylight/", f"unix:{folder}/"),
        *changes,
    ):
        assert written in text, f"{written_in} no longer says {written!r}"
        text = text.replace(written, here)
    config = folder / "nginx.conf"
    config.write_text(text)
    # Where root starts it, its workers would change to a user who may not enter this folder.
    user = " user root;" if os.geteuid() == 0 else ""
    command = [NGINX, "-e", "stderr", "-p", f"{folder}/", "-c", str(config), "-g", f"daemon off;{user}"]
    log_path = folder / "nginx.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        eventually(lambda: process.poll() is not None or listens(port), what="nginx listening")
        assert process.poll() is None, log_path.read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGQUIT)
        assert process.wait(timeout=30) == 0, log_path.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too, who would live on without it
        process.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def behind_nginx(store, folder, changes=(), **options):
    """(the Server, nginx's URL) once the server of this folder of models is ready there. options: of live_server."""
    with nginx(folder, changes) as url, live_server(store, bind=f"unix:{folder}/gunicorn.sock", **options) as server:
        eventually(lambda: ready(server, url), what="readiness through nginx")
        yield server, url
