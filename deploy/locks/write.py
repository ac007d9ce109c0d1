"""Write the lock files beside this one from requirements.txt; `make lock` calls it. Needs uv, and a network.

    libraries.txt   every library but torch, with those that they bring, for all systems and Python 3.11 and newer
    torch.txt       torch alone: the builds of PyPI, and those builds for processors alone that are named below
    cuda.txt        what the build of PyPI for Linux brings besides: CUDA and triton

Each line has an exact version, and the sha256 of every file that may be installed for it.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE.parents[1] / "requirements.txt"
ENTRY = re.compile(r"^(\S+==.*(?:\n    --hash.*)+)", re.MULTILINE)
CUDA = re.compile(r"(cuda|nvidia|triton)\b")
# PyPI has no builds of torch for processors alone. This is torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl.
CPU_BUILDS = {"2.13.0": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"]}


def resolved():
    """The entries of all libraries: "name==version ; markers \\", then a line for each hash."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--quiet", str(REQUIREMENTS)]
    program = Path(sys.executable).with_name(command[0])
    return ENTRY.findall(subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True).stdout)


def files(entries):
    """{name of a lock file: its entries}"""
    found = {"libraries": [], "torch": [], "cuda": []}
    for entry in entries:
        name, _, version = entry.split()[0].partition("==")
        if name == "torch":
            entry += "".join(f" \\\n    --hash=sha256:{digest}" for digest in CPU_BUILDS.get(version, ()))
        found["torch" if name == "torch" else "cuda" if CUDA.match(name) else "libraries"].append(entry)
    return found


if __name__ == "__main__":
    for name, entries in files(resolved()).items():
        text = "\n".join(["# Written by `make lock`; write.py says what is in it.", *entries])
        (HERE / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
        print(f"{name}.txt: {len(entries)} libraries")
