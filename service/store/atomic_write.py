"""Replace a file whole: a reader sees the old content or the new, never a part.

atomic_write(path, "2\\n1\\n", mode=0o644)
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["atomic_write"]


def atomic_write(path: str | os.PathLike[str], text: str, *, mode: int) -> None:
    """Write `text` as UTF-8 to a draft in the same folder, flush it to the disk, and rename it to `path`.

    mode: the permissions of the new file. Raises OSError; then `path` is unchanged and no draft is left.
    """
    path = Path(path)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
