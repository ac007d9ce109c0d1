"""Run a gunicorn command on a unix socket with deploy/nginx.conf before it, until TERM.

HOST=127.0.0.1 PORT=1200 PEER_FOLDER=/run/daylight python behind_nginx.py gunicorn --config gunicorn.conf.py
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"


def configured(folder, port):
    """deploy/nginx.conf with this machine's port and socket."""
    text = CONFIG.read_text()
    for written, here in (
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("unix:/run/daylight/gunicorn.sock", f"unix:{folder / 'gunicorn.sock'}"),
    ):
        if written not in text:
            sys.exit(f"{CONFIG} no longer says {written!r}")
        text = text.replace(written, here)
    (folder / "nginx.conf").write_text(text)
    return str(folder / "nginx.conf")


def main():
    folder, port = Path(os.environ["PEER_FOLDER"]), os.environ.pop("PORT")
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not nginx:
        sys.exit("error: nginx is missing; install it: apt-get install nginx")
    # Where root starts it, its workers would change to a user who may not enter this folder.
    user = " user root;" if os.geteuid() == 0 else ""
    command = [nginx, "-e", "stderr", "-p", f"{folder}/", "-c", configured(folder, port), "-g", f"daemon off;{user}"]
    bound = os.environ | {"BIND": f"unix:{folder / 'gunicorn.sock'}"}
    both = [subprocess.Popen(sys.argv[1:], env=bound), subprocess.Popen(command)]
    signal.signal(signal.SIGTERM, lambda *_: [one.terminate() for one in both])
    sys.exit(max(abs(one.wait()) for one in both))


if __name__ == "__main__":
    main()
