"""What runs in the sandbox: `python -m` this module, with what to pack as JSON on its standard input.

It packs as the command line does, into a store of its own, without keys and without promoting. The sentence that
packing ends with is left in that store, for the process outside to print.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from .boxing import REFUSAL
from .pack_any import pack_any
from .sandbox import Limits

PATHS = ("data", "test", "metrics", "files")
LACKING = "it was opened in a sandbox, without network and with no files but those that pack names"


def main() -> None:
    request = json.load(sys.stdin)
    Limits(**request["limits"]).impose()
    options = request["options"]
    options |= {name: options[name] and Path(options[name]) for name in PATHS}
    options["code"] = list(map(Path, options["code"]))
    store = Path(request["store"])
    try:
        pack_any(Path(request["file"]), store, promote=False, **options)
    except click.ClickException as error:
        hint = f" ({LACKING}; --no-sandbox opens it without)" if missed(error.__context__) else ""
        (store / REFUSAL).write_text(f"{error.message}{hint}", encoding="utf-8")
        sys.exit(1)


def missed(error: BaseException | None) -> bool:
    """Whether something that the system refused lies behind a refusal of the file's own code."""
    return isinstance(error, ValueError) and any(isinstance(each, OSError | MemoryError) for each in behind(error))


def behind(error: BaseException) -> Iterator[BaseException]:
    """The errors that led to this one."""
    cause = error.__cause__ or error.__context__
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__


if __name__ == "__main__":
    main()
