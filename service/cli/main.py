"""The command line: python -m service (installed: daylight).

`doctor FILE` says what a file is, and `pack FILE` makes an immutable version of it; `models`, `verify`, `promote`,
`rollback`, `shadow`, `remove`, `history`, `push` and `describe` look after the store; `predict` scores a file;
`replay` asks another version what was asked, and `drift` compares rows with the training sample; `serve` starts the
server, and `serve FILE` does it all, from a pickle to an endpoint; `image` writes what a container image is built
from; `keys` looks after API keys, `signers` after key pairs that sign models; `completion` sets up a shell.
"""

from __future__ import annotations

import click

from .. import __version__
from .completion import completion
from .describe import describe
from .doctor import doctor
from .drift import drift
from .image import image
from .keys import keys
from .openssf import openssf
from .pack import pack
from .predict import predict
from .promotion import history, promote, remove, rollback
from .push import push
from .replay import replay
from .serve import serve
from .shadow import shadow
from .signers import signers
from .store import models, verify

__all__ = ["main"]


@click.group()
@click.version_option(__version__, prog_name="daylight")
def main() -> None:
    """Daylight: from a trained model to a production endpoint."""


for command in (
    pack,
    describe,
    doctor,
    models,
    verify,
    promote,
    rollback,
    shadow,
    remove,
    history,
    push,
    serve,
    predict,
    replay,
    drift,
    image,
    keys,
    signers,
    openssf,
    completion,
):
    main.add_command(command)
