"""Files to pack that try to get out of the sandbox, and a command line that packs them.

write_class(folder, "here = os.listdir('/')")       # its answer is the text of `here`
"""

import os
import textwrap

import pytest

from service.cli.sandbox import why_not

__all__ = ["needs_sandbox", "write_class"]

LACKING = why_not()
needs_sandbox = pytest.mark.skipif(LACKING is not None, reason=f"needs the sandbox: {LACKING}")

SOURCE = """
import os, signal, socket, subprocess, sys, time
from pathlib import Path

def found():
{body}
    return {answer}

class Spy:
    class Inputs:
        a: int

    def predict(self, rows) -> list[str]:
        return [str(found())] * len(rows)
"""


def write_class(folder, body, answer="here"):
    """A Python class of which packing asks one answer, the value of `answer` after `body`; returns FILE:CLASS."""
    path = folder / "spy.py"
    path.write_text(SOURCE.format(body=textwrap.indent(textwrap.dedent(body), "    "), answer=answer))
    return f"{os.fspath(path)}:Spy"
