"""Write what an image is built from: a Dockerfile, exact requirements, the package, the models.

    write_context(folder, versions, "tumour:1", mounted=False)      # docker build folder

The file runs as it stands under docker, podman and buildah. Its two stages: one installs, the other keeps what runs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..errors import StartupError
from ..models.runtimes.library_versions import DISTRIBUTIONS, installed_as
from ..store.manifest import Manifest
from ..store.missing_libraries import extra_of
from ..store.versions import StoredVersion
from .image_locks import requirements
from .image_needs import pins

__all__ = ["BASES", "UID", "write_context"]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UID = 65532  # `nonroot` of the distroless images; a number, since Kubernetes cannot tell whether a name is root
SBOM = "cyclonedx-bom==7.5.0"  # lists what is installed, in CycloneDX's form

# Python -> (where the libraries are installed, where they run). Google's distroless images are Debian's own packages
# without a shell and a package manager: 55 MB, where python:*-slim takes 125.
SLIM = f"docker.io/library/python:{PYTHON}-slim"
BASES = {
    "3.11": (f"{SLIM}-bookworm", "gcr.io/distroless/python3-debian12:nonroot", "/usr/bin/python3.11"),
    "3.13": (f"{SLIM}-trixie", "gcr.io/distroless/python3-debian13:nonroot", "/usr/bin/python3.13"),
}

DOCKERFILE = """\
# {title}, served by Daylight {version}. Written by `daylight image`; build it in this folder:
#
#   docker build -t {tag} .
#   docker run --read-only --tmpfs /tmp -p 1200:1200 -v $PWD/keys.json:/keys.json:ro \\
#       -e DAYLIGHT_KEYS_FILE=/keys.json{mount} {tag}
#
# The server refuses to listen to the world without a file of keys (`daylight keys add`), or -e DAYLIGHT_OPEN=yes.

FROM {build} AS build
WORKDIR /build
# An index of your own: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
RUN python3 -m venv tools && tools/bin/python -m pip install --quiet {sbom}
COPY requirements.txt .
RUN python3 -m venv --without-pip env \\
    && tools/bin/python -m pip --python env/bin/python3 install --quiet --no-compile --no-deps -r requirements.txt
RUN mkdir /app && tools/bin/cyclonedx-py environment --output-file /app/sbom.cdx.json env/bin/python3
# Tests, headers and sources of extension modules run nowhere.
RUN mv env/lib/python{python}/site-packages /app/lib \\
    && find /app/lib -type d \\( -name tests -o -name include \\) -prune -exec rm -rf {{}} + \\
    && find /app/lib -type f \\( -name '*.h' -o -name '*.hpp' -o -name '*.cpp' -o -name '*.pyx' -o -name '*.pxd' \\
        -o -name '*.pyi' -o -name '*.a' \\) -delete
COPY daylight /app/lib/daylight
# The root file system is read-only, so bytecode is written here; by hash, since some builders change dates.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app/lib
{copy_store}
FROM {final}
LABEL org.opencontainers.image.title="{title}" \\
      org.opencontainers.image.description="{description}" \\
      org.opencontainers.image.version="{version}" \\
      org.opencontainers.image.base.name="{final}" \\
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
ENV PYTHONPATH=/app/lib PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=1200 DAYLIGHT_STORE={store} HOME=/tmp
USER {uid}:{uid}
WORKDIR /tmp
EXPOSE 1200
# gunicorn's master is process 1: it handles TERM, INT, QUIT, HUP and USR2 itself, and waits for every child that ends,
# those of others too, so no init is needed. TERM finishes running requests: give it 75 seconds (--stop-timeout 75).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \\
    CMD ["{interpreter}", "-c", "import os, urllib.request as r; \\
r.urlopen(f'http://127.0.0.1:{{os.getenv(\\"PORT\\")}}/health/ready', timeout=4)"]
ENTRYPOINT ["{interpreter}", "-m", "daylight.server"]
"""


def write_context(
    folder: Path, versions: Sequence[StoredVersion], tag: str, *, mounted: bool, further: Sequence[str] = ()
) -> Path:
    """Write the Dockerfile and what it copies into a folder that is empty or not there; returns the Dockerfile.

    mounted: the store is mounted at /mnt/models, and not part of the image. further: extras besides those that the
    versions need. Raises StartupError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StartupError(f"{folder} is not empty; -o names another folder")
    if PYTHON not in BASES:
        raise StartupError(f"there is no base image for Python {PYTHON} here; use Python {' or '.join(BASES)}")
    manifests = [version.manifest for version in versions]
    extras = sorted({extra for manifest in manifests if (extra := extra_of(manifest))} | {*further})
    others = {installed_as(library) for manifest in manifests for library in uncompiled_needs(manifest)}
    exact = pins(extras, others)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.txt").write_text(requirements(exact), encoding="utf-8")
    package = Path(__file__).parents[1]
    shutil.copytree(package, folder / "daylight", ignore=shutil.ignore_patterns("__pycache__"))
    for version in () if mounted else versions:
        copy_model(version, folder / "store" / version.manifest.model)
    build, final, interpreter = BASES[PYTHON]
    names = ", ".join(manifest.model for manifest in manifests)
    text = DOCKERFILE.format(
        title=names,
        tag=tag,
        version=__version__,
        description="; ".join(f"{each.model} version {each.version}, {each.kind}" for each in manifests),
        build=build,
        final=final,
        interpreter=interpreter,
        python=PYTHON,
        sbom=SBOM,
        uid=UID,
        store="/mnt/models" if mounted else "/app/store",
        copy_store="" if mounted else "COPY store /app/store\n",
        mount=" -v $PWD/store:/mnt/models:ro" if mounted else "",
    )
    path = folder / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    return path


def uncompiled_needs(manifest: Manifest) -> set[str]:
    """The libraries, as they are imported, whose estimators a version is made of and runs."""
    return set() if manifest.compiled else manifest.provenance.get("needs", {}).keys() & DISTRIBUTIONS.keys()


def copy_model(version: StoredVersion, target: Path) -> None:
    """The version, and the files beside the versions: what is current, the history, what is said of the model."""
    target.mkdir(parents=True)
    for path in version.folder.parent.iterdir():
        if path.is_file() and path.name != ".proven":
            shutil.copyfile(path, target / path.name)
    shutil.copytree(version.folder, target / version.folder.name, copy_function=shutil.copyfile)
