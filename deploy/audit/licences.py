"""Write docs/licences.md: the licence of every library that `make run` installs; `make licences` calls it.

python licences.py .venv/bin/python        # of the environment whose libraries are listed
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "licences.md"
LOCKS = [HERE.parent / "locks" / f"{name}.txt" for name in ("libraries", "torch")]

# SPDX identifiers of licences that this project may be installed with: permissive ones, and the MPL, whose terms end at
# its own files.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD",  # some do not say which
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
# What metadata says in other words.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Libraries whose metadata says nothing: what the file LICENSE in their wheels is.
READ = {"pysimdjson": "MIT", "skops": "MIT"}

HEAD = """\
# Licences

Written by `make licences`: every library that `make run` installs on Linux, and what its own metadata say, as
pip-licenses reads them. A test refuses any licence but these:

{allowed}.

Not listed are the libraries of `deploy/locks/cuda.txt`, which PyPI's build of torch for Linux brings: most of them are
NVIDIA's, under its own terms.

| library | version | licence |
|---|---|---|
"""


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def parts(licence):
    """The SPDX identifiers in what a library says of its licence."""
    words = [licence] if licence in SPDX else re.split(r" AND | OR |; ", re.sub(r"[()]", "", licence))
    return {SPDX.get(word, word) for word in words}


def locked():
    """The names of the libraries in the lock files."""
    return set(re.findall(r"^([\w.-]+)==", "".join(path.read_text() for path in LOCKS), re.MULTILINE))


def rows(python):
    """(library, version, licence) of each locked library that is installed beside this Python."""
    program = Path(sys.executable).with_name("pip-licenses")
    command = [program, "--python", python, "--format=json", "--with-system"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for each in sorted(listed, key=lambda each: canonical(each["Name"])):
        name = canonical(each["Name"])
        if name in locked():
            licence = READ.get(name, each["License"])
            yield name, each["Version"].partition("+")[0], SPDX.get(licence, licence)


if __name__ == "__main__":
    head = HEAD.format(allowed=", ".join(sorted(ALLOWED)))
    PAGE.write_text(head + "".join(f"| {' | '.join(row)} |\n" for row in rows(sys.argv[1])), encoding="utf-8")
