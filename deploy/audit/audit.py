"""Ask OSV which locked libraries have known vulnerabilities; `make audit` calls it. Needs a network.

It fails for each that answers.toml does not answer, and where the service cannot be asked. An answer holds for the
version that it was given for: a newer one has to be looked at again.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = [HERE.parent / "locks" / f"{name}.txt" for name in ("libraries", "torch", "cuda")]


def answers():
    """The findings that have been looked at: dicts of "id", "library", "version", "date" and "reason"."""
    return tomllib.loads((HERE / "answers.toml").read_text(encoding="utf-8")).get("answer", [])


def command(lock, ignored):
    program = Path(sys.executable).with_name("pip-audit")
    options = [
        "--vulnerability-service",
        "osv",
        "--require-hashes",
        "--disable-pip",
        "--strict",
        "--progress-spinner",
        "off",
    ]
    return [program, *options, *(f"--ignore-vuln={each}" for each in ignored), "--requirement", lock]


def main():
    entries = "".join(path.read_text(encoding="utf-8") for path in LOCKS)
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder, "requirements.txt")
        lock.write_text(entries, encoding="utf-8")
        words = command(lock, [each["id"] for each in answers()])
        ran = subprocess.run(words, check=False, stderr=subprocess.PIPE, text=True)
    *_, last = ["", *ran.stderr.strip().splitlines()]
    print(f"nothing is known: {last}" if "Traceback" in ran.stderr else ran.stderr.strip(), file=sys.stderr)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
