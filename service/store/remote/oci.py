"""Files of an OCI artifact, as `oras push` makes them: each a layer, whose title is the path of the file.

    objects = OciObjects("oci://registry.example.com/models/prod:v7")
    objects.files("")           # {"churn/current": {...}, ...}

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md. Credentials are those of docker and
oras, in ~/.docker/config.json; as with them, a registry on this machine is asked over HTTP, others over HTTPS.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from ...errors import DigestMismatch, StartupError, StoreUnreachable, in_a_line

__all__ = ["OciObjects"]

URL = re.compile(r"oci://([^/]+)/([a-z0-9._/-]+)(?::([A-Za-z0-9_][A-Za-z0-9._-]*)|@(sha256:[0-9a-f]{64}))")
ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
TITLE = "org.opencontainers.image.title"
UNPACK = "io.deis.oras.content.unpack"
SECONDS = 60.0  # for the head of an answer, and between two pieces of it
PIECE = 2**20
CONFIG = Path("~/.docker/config.json")


class OciObjects:
    """url: oci://HOST/REPOSITORY:TAG or @sha256:DIGEST. Raises StartupError for another one."""

    def __init__(self, url: str) -> None:
        found = URL.fullmatch(url)
        if found is None:
            raise StartupError(f"{url}: expected oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST")
        self.url = url
        self._host, self._repository, tag, digest = found.groups()
        self._reference = tag or digest
        local = self._host.partition(":")[0] in ("localhost", "127.0.0.1")
        self._root = f"{'http' if local else 'https'}://{self._host}/v2/{self._repository}"
        self._session = requests.Session()
        self._layers: dict[str, dict[str, Any]] = {}

    def identity(self) -> str:
        """The digest of the artifact that the tag names now."""
        content = self._asked(f"manifests/{self._reference}", {"Accept": ACCEPT}).content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self._reference.startswith("sha256:") and digest != self._reference:
            raise StoreUnreachable(f"{self.url} cannot be read: the registry answers with another artifact, {digest}")
        self._layers = {}
        try:
            layers = json.loads(content)["layers"]
            titled = [(each.get("annotations") or {}, each) for each in layers]
            self._layers = {said[TITLE]: each for said, each in titled if TITLE in said}
            packed = next((said[TITLE] for said, _ in titled if said.get(UNPACK) == "true"), None)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise StoreUnreachable(f"{self.url} cannot be read: it is no artifact with files") from None
        if packed is not None:
            raise StoreUnreachable(
                f"{self.url} cannot be read: {packed} is a folder as one archive; push files: "
                f"oras push {self.url.removeprefix('oci://')} $(find {packed} -type f)"
            )
        return digest

    def files(self, folder: str) -> dict[str, dict[str, Any]]:
        """Of what `identity` has seen last."""
        return dict(self._layers)

    def read(self, name: str) -> bytes | None:
        if name not in self._layers:
            return None
        content = self._asked(f"blobs/{self._layers[name]['digest']}", {}).content
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != self._layers[name]["digest"]:
            raise StoreUnreachable(f"{self.url} cannot be read: {name} is not what the artifact was made of")
        return content

    def download(self, name: str, path: Path) -> None:
        if name not in self._layers:
            raise DigestMismatch(f"{self.url} has no {name}")
        answer = self._asked(f"blobs/{self._layers[name]['digest']}", {}, stream=True)
        try:
            with path.open("wb") as file:
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
        except requests.RequestException as error:
            raise StoreUnreachable(f"{self.url} cannot be read: {in_a_line(error, 200)}") from None

    def _asked(self, path: str, headers: dict[str, str], *, stream: bool = False) -> requests.Response:
        try:
            answer = self._session.get(f"{self._root}/{path}", headers=headers, timeout=SECONDS, stream=stream)
            if answer.status_code == requests.codes.unauthorized and self._sign_in(answer):
                answer = self._session.get(f"{self._root}/{path}", headers=headers, timeout=SECONDS, stream=stream)
        except requests.RequestException as error:
            raise StoreUnreachable(f"{self.url} cannot be read: {in_a_line(error, 200)}") from None
        if answer.ok:
            return answer
        why = {401: "no credentials for it in ~/.docker/config.json, or others: docker login", 404: "it is not there"}
        raise StoreUnreachable(
            f"{self.url} cannot be read: {why.get(answer.status_code, f'the registry answers {answer.status_code}')}"
        )

    def _sign_in(self, answer: requests.Response) -> bool:
        """Take up what the registry asks for: a token of its service, or name and password."""
        scheme, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
        basic = self._credentials()
        if scheme.lower() == "basic" and basic:
            self._session.headers["Authorization"] = f"Basic {basic}"
            return True
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme.lower() != "bearer" or "realm" not in asked:
            return False
        query = {name: asked[name] for name in ("service", "scope") if name in asked}
        given = {"Authorization": f"Basic {basic}"} if basic else {}
        told = requests.get(asked["realm"], params=query, headers=given, timeout=SECONDS)
        with suppress(ValueError, TypeError, AttributeError):
            token = told.json().get("token") or told.json().get("access_token")
            self._session.headers["Authorization"] = f"Bearer {token}"
        return told.ok

    def _credentials(self) -> str | None:
        """Name and password of the registry, in base64, as `docker login` keeps them."""
        try:
            auths = json.loads(CONFIG.expanduser().read_text(encoding="utf-8"))["auths"]
            return str(auths[self._host]["auth"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
