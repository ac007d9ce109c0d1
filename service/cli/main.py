"""The command line: python -m service (installed: daylight).

`pack FILE` makes an immutable version of a trained model; `models`, `verify`, `promote`, `rollback` and `remove` look
after the store; `predict` scores a file; `serve` starts the server, and `serve FILE` does it all, from a pickle to an
endpoint; `keys` looks after API keys.
"""

from __future__ import annotations

import click

from .. import __version__
from .keys import keys
from .pack import pack
from .predict import predict
from .serve import serve
from .store import models, promote, remove, rollback, verify

__all__ = ["main"]


@click.group()
@click.version_option(__version__, prog_name="daylight")
def main() -> None:
    """Daylight: from a trained model to a production endpoint."""


for command in (pack, models, verify, promote, rollback, remove, serve, predict, keys):
    main.add_command(command)
