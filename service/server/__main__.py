"""python -m daylight.server: gunicorn with Daylight's configuration, from any folder. `daylight serve` runs it.

In a checkout `gunicorn --config gunicorn.conf.py` does the same.
"""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication

from .config import gunicorn_settings

__all__ = ["Server"]


class Server(BaseApplication):
    """gunicorn's documented custom application; SIGHUP loads the configuration anew."""

    def load_config(self) -> None:
        for name, value in gunicorn_settings().items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; called in each worker, after the fork."""
        from ..app import create_app

        return create_app()


if __name__ == "__main__":
    Server().run()
