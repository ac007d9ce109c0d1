"""gunicorn's master goes on as it was where it cannot do what a signal asks of it: its workers answer well.

    stay(server)            # once the sockets are open

By itself gunicorn ends where the configuration that SIGHUP reads is wrong. Where SIGUSR2 finds nothing that it could
execute, the process that was to become the new master ends the old one's workers, and removes its socket.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..errors import StartupError

__all__ = ["stay"]


def stay(server: Any) -> None:
    """Change the methods of one Arbiter; gunicorn has no hooks for that."""
    server.app.reload = refusing(server.app.reload)
    server.reload = reloading(server, server.reload)
    server.reexec = upgrading(server, server.reexec)


def refusing(read: Callable[[], None]) -> Callable[[], None]:
    """A reading of the configuration that raises StartupError where gunicorn's own ends the process."""

    def read_or_raise() -> None:
        try:
            read()
        except SystemExit as error:
            # Where it is no sentence of ours, gunicorn has printed what is wrong.
            raise StartupError(error.code if isinstance(error.code, str) else "its configuration is wrong") from None

    return read_or_raise


def reloading(server: Any, reload: Callable[[], None]) -> Callable[[], None]:
    """SIGHUP: what was read before, and the environment of later workers, stay where nothing else can be read."""

    def reload_or_stay() -> None:
        configured, environ = server.app.cfg, dict(os.environ)
        try:
            reload()
        except StartupError as error:
            server.app.cfg = configured
            os.environ.clear()
            os.environ.update(environ)
            server.log.error("the reload is given up, and the old workers stay: %s", error)

    return reload_or_stay


def upgrading(server: Any, reexec: Callable[[], None]) -> Callable[[], None]:
    """SIGUSR2: the forked process becomes another program, or ends."""

    def reexec_or_stay() -> None:
        try:
            reexec()
        except Exception as error:
            server.log.error("no new server can be started, and this one stays: %s", error)
            if os.getpid() != server.pid:
                os._exit(1)

    return reexec_or_stay
