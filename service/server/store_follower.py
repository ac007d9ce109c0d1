"""python -m daylight.server.store_follower URL [MASTER]: brings what is current at a URL, and then follows it.

Without MASTER once, before the server starts: exit status 1, and a sentence on stdout, where there is nothing to serve.
With the process id of gunicorn's master every DAYLIGHT_STORE_POLL seconds, until that ends. Clients of stores run
threads, which gunicorn's master may not have and its workers need not.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys

from ..errors import StartupError, StoreUnreachable
from ..observability import access_log
from ..settings import Settings
from ..store.remote.copying import Copy
from ..store.remote.mirror import Mirror
from ..store.remote.places import folder_of, is_read_only
from ..store.remote.snapshot import Snapshot
from ..store.signature import Keys
from ..store.versions import Store

log = logging.getLogger(f"{__package__}.store_follower")  # it runs as __main__, and is to log as the server does


def bring(url: str, settings: Settings) -> None:
    """Bring what is current. Raises StartupError where the store cannot be reached and nothing was ever brought."""
    try:
        faults = copy_of(url, settings).pull(everything=not settings.store_poll)
    except StoreUnreachable as error:
        folder = folder_of(url, settings.store_cache)
        if not folder.is_dir() or not Store(folder, only=settings.models).models():
            raise
        log.warning("%s; what was brought before is served, from %s", error, folder)
        return
    for fault in faults.values():
        log.error("%s", fault)


def copy_of(url: str, settings: Settings) -> Copy:
    return (Snapshot if is_read_only(url) else Mirror)(url, settings.store_cache, Keys.of(settings), settings.models)


class StoreFollower:
    """One look after the other; what is wrong is logged when it begins, changes and ends."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url, self.settings = url, settings
        self._copy: Copy | None = None
        self._told: set[str] = set()

    def look(self) -> None:
        try:
            if self._copy is None:
                self._copy = copy_of(self.url, self.settings)
            faults = set(self._copy.pull(everything=True).values())
        except StartupError as error:
            faults = {str(error)}
        for fault in sorted(faults - self._told):
            log.error("what is served stays: %s", fault)
        if self._told and not faults:
            log.info("%s is followed again", self.url)
        self._told = faults


def follow(url: str, settings: Settings, master: int) -> None:
    """Until the master ends, or TERM comes: what a download has brought by then is not brought again."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole terminal, or service; the master decides
    follower = StoreFollower(url, settings)
    parent = select.poll()
    if os.getppid() == master:
        parent.register(os.pidfd_open(master), select.POLLIN)
    while os.getppid() == master:
        follower.look()
        parent.poll(1000 * settings.store_poll)


def main(url: str, master: str = "") -> None:
    settings = Settings.from_environ()
    access_log.configure(settings.log_format)
    if master:
        follow(url, settings, int(master))
        return
    try:
        bring(url, settings)
    except StartupError as error:
        print(error)
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
