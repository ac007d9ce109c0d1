"""The list of libraries that an image installs, with the hashes that the lock files of this release have for them.

requirements({"flask": "3.1.3", "numpy": "2.4.6"})      # "flask==3.1.3 \\\\n    --hash=sha256:..."
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["requirements"]

INSTALLED = Path(__file__).with_name("locks")
CHECKOUT = Path(__file__).parents[2] / "deploy" / "locks"
ENTRY = re.compile(r"^(\S+)==(\S+).*((?:\n    --hash=\S+(?: \\)?)+)", re.MULTILINE)


def requirements(exact: Mapping[str, str]) -> str:
    """{distribution: version} -> the text of a requirements.txt.

    With the hashes of all, pip refuses every other file. It wants those of all or of none: where one of these versions
    is in no lock file, the first line names it, and none has a hash.
    """
    known = {(name, version): hashes for name, version, hashes in ENTRY.findall(locks())}
    unknown = [f"{name} {version}" for name, version in exact.items() if (name, version) not in known]
    if unknown:
        comment = f"# without hashes: the lock files of this release do not have {', '.join(unknown)}\n"
        return comment + "".join(f"{name}=={version}\n" for name, version in exact.items())
    return "".join(f"{name}=={version} \\{known[name, version]}\n" for name, version in exact.items())


def locks() -> str:
    """The lock files: of an installed package beside this module, of a checkout where `make lock` writes them."""
    folder = CHECKOUT if CHECKOUT.is_dir() else INSTALLED
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("libraries.txt", "torch.txt"))
