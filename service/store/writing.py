"""Changes of a model in the store: one at a time, and a disk that cannot be written told in one sentence.

with changing(store.root, "tumour"):
    ...                                 # read what is there, write what shall be
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StartupError

__all__ = ["changing", "unwritable_in_words"]

UNWRITABLE = {
    errno.EACCES: "it may not be written by this user",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would be larger than this process may write",
    errno.ENOSPC: "no space is left on its disk",
    errno.EPERM: "it may not be written by this user",
    errno.EROFS: "it is on a read-only file system",
}


@contextmanager
def unwritable_in_words(root: Path) -> Iterator[None]:
    """Turn an OSError that says the store cannot be written into a StartupError."""
    try:
        yield
    except OSError as error:
        elsewhere = error.filename is not None and not Path(os.fsdecode(error.filename)).is_relative_to(root)
        if error.errno not in UNWRITABLE or elsewhere:
            raise
        raise StartupError(f"the store {root} cannot be written: {UNWRITABLE[error.errno]}") from error


@contextmanager
def changing(root: Path, model: str) -> Iterator[None]:
    """Hold the lock of the model's folder, which the system releases when its process dies.

    Raises StartupError where the store cannot be written. A file system without locks of folders (NFS) goes without:
    each step is atomic there too, and of two promotions at once one may be missing in the history.
    """
    with unwritable_in_words(root):
        descriptor = os.open(root / model, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
