"""Models of an MLflow registry, brought as folders through the REST API of its tracking server, without mlflow.

    reference = parse("models:/churn@champion")
    with brought(reference, environment) as folder:      # .../churn, with MLmodel in it
        pack_file(folder, ...)

What MLflow calls `registered_model_meta` is written into the folder, as its own client does, and where it came from.
API: https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import requests
import yaml

from ..errors import in_a_line
from ..store.remote.objects import CLIENTS, Objects
from .mlflow_folder import META

__all__ = ["Reference", "brought", "parse"]

SCHEME = "models:/"
SECONDS = 60.0  # for the head of an answer, and between two pieces of it
PIECE = 2**20
PROXIED = "mlflow-artifacts"  # files that the tracking server itself hands out


@dataclass(frozen=True)
class Reference:
    """A registered model, by its version or by an alias; the other one is empty."""

    name: str
    version: str = ""
    alias: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}{f'@{self.alias}' if self.alias else f'/{self.version}'}"


def parse(text: str) -> Reference:
    """Raises ValueError for anything but models:/NAME/VERSION and models:/NAME@ALIAS."""
    found = re.fullmatch(r"models:/+([^/@]+)(?:/([0-9]+)|@([^/@]+))", text)
    if found is None:
        raise ValueError(f"{text}: expected models:/NAME/3 or models:/NAME@ALIAS")
    return Reference(found[1], found[2] or "", found[3] or "")


@contextmanager
def brought(reference: Reference, environment: Mapping[str, str]) -> Iterator[Path]:
    """The model's folder, named after the model, while the block runs.

    environment: MLflow's own variables: MLFLOW_TRACKING_URI, and _USERNAME and _PASSWORD or _TOKEN. Raises ValueError,
    or StartupError of the store that the files are in.
    """
    registry = Registry(environment)
    version = registry.version(reference)
    with tempfile.TemporaryDirectory(prefix="daylight-") as temporary:
        folder = Path(temporary, re.sub(r"[^A-Za-z0-9._-]", "-", reference.name))
        folder.mkdir()
        uri = registry.files_of(version)
        registry.download(uri, folder)
        meta = {"model_name": version["name"], "model_version": str(version["version"])}
        more = {"tracking_uri": registry.url, "artifact_uri": uri, "run_id": version.get("run_id") or ""}
        if reference.alias:
            more["alias"] = reference.alias
        (folder / META).write_text(yaml.safe_dump(meta | more), encoding="utf-8")
        yield folder


class Registry:
    """A tracking server. Raises ValueError where the environment names none that answers over HTTP."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.url = environment.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            told = f"it is {self.url}" if self.url else "it is not set"
            raise ValueError(
                f"MLFLOW_TRACKING_URI has to be the URL of a tracking server (http://host:5000), and {told}; "
                "`mlflow server --backend-store-uri sqlite:///mlflow.db` is one of a file"
            )
        self._session = requests.Session()
        if token := environment.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user := environment.get("MLFLOW_TRACKING_USERNAME"):
            self._session.auth = (user, environment.get("MLFLOW_TRACKING_PASSWORD", ""))

    def version(self, reference: Reference) -> dict[str, Any]:
        """What the registry says of a version."""
        if reference.alias:
            told = self._get("mlflow/registered-models/alias", name=reference.name, alias=reference.alias)
        else:
            told = self._get("mlflow/model-versions/get", name=reference.name, version=reference.version)
        found: dict[str, Any] = told["model_version"]
        return found

    def files_of(self, version: Mapping[str, Any]) -> str:
        """The URI of its files."""
        told = self._get("mlflow/model-versions/get-download-uri", name=version["name"], version=version["version"])
        return str(told["artifact_uri"]).rstrip("/")

    def download(self, uri: str, folder: Path) -> None:
        """Every file below a URI. Raises ValueError where it cannot be reached from here."""
        scheme, _, rest = uri.partition(":")
        if scheme == PROXIED:
            path = re.sub(r"^//[^/]*", "", rest).strip("/")
            for name in self._listed(path):
                self._save(f"{path}/{name}", target(folder, name))
        elif scheme in CLIENTS and rest.startswith("//"):
            objects = Objects(uri)
            for name in objects.files(""):
                objects.download(name, target(folder, name))
        else:
            raise ValueError(
                f"the model's files are at {uri}, where they cannot be had from here; a tracking server hands them out "
                "where it was started with --artifacts-destination"
            )

    def _listed(self, path: str, below: str = "") -> Iterator[str]:
        """The files below a path, as paths relative to it."""
        told = self._get("mlflow-artifacts/artifacts", path=f"{path}/{below}".rstrip("/"))
        for each in told.get("files", ()):
            name = f"{below}/{each['path']}".lstrip("/")
            if each.get("is_dir"):
                yield from self._listed(path, name)
            else:
                yield name

    def _save(self, path: str, to: Path) -> None:
        answer = self._asked(f"mlflow-artifacts/artifacts/{quote(path)}", {}, stream=True)
        with to.open("wb") as file:
            for piece in answer.iter_content(PIECE):
                file.write(piece)

    def _get(self, route: str, **query: str) -> dict[str, Any]:
        try:
            told = self._asked(route, query).json()
        except requests.JSONDecodeError:
            told = None
        if not isinstance(told, dict):
            raise ValueError(f"{self.url} is no tracking server of MLflow: it answers {route} with no JSON object")
        return told

    def _asked(self, route: str, query: Mapping[str, str], *, stream: bool = False) -> requests.Response:
        try:
            answer = self._session.get(f"{self.url}/api/2.0/{route}", params=query, timeout=SECONDS, stream=stream)
        except requests.RequestException as error:
            raise ValueError(f"{self.url} (MLFLOW_TRACKING_URI) cannot be reached: {in_a_line(error, 200)}") from None
        if not answer.ok:
            raise ValueError(f"{self.url} answers {answer.status_code}: {refusal(answer)}")
        return answer


def refusal(answer: requests.Response) -> str:
    """The sentence of an answer that refuses."""
    try:
        told = answer.json()["message"]
    except (ValueError, LookupError, TypeError):
        told = answer.text
    return in_a_line(told, 200)


def target(folder: Path, name: str) -> Path:
    """Where a file is written. Raises ValueError for a name that leads out of the folder."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"the registry names the file {in_a_line(name, 80)}, which lies outside the model's folder")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
