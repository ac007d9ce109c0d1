"""Objects behind a URL, through fsspec: s3://, gs://, az://. It knows nothing of models.

    objects = Objects("s3://models/prod")
    objects.create("tumour/log/00000017.json", b"{...}")      # False where another object has this name
    objects.read("tumour/log/00000018.json")                  # None where there is none

Each client finds its credentials in its own way (AWS_PROFILE, a role of the machine, ...). Whatever a client raises
becomes StoreUnreachable, in one sentence.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import DigestMismatch, StartupError, StoreUnreachable, in_a_line
from ..missing_libraries import install

__all__ = ["CLIENTS", "Objects", "objects_at"]

# A server that starts, or a command, must not hang on a store that does not answer: seconds, and attempts.
CONNECT, READ, ATTEMPTS = 5, 60, 2
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": CONNECT, "read_timeout": READ, "retries": {"max_attempts": ATTEMPTS}}}
}
CLIENTS = {"az": "adlfs", "gs": "gcsfs", "hf": "huggingface_hub", "s3": "s3fs"}  # of fsspec


@cache
def objects_at(url: str) -> Objects:
    """As Objects(url), one for this process: a client takes a third of a second to make."""
    return Objects(url)


class Objects:
    """url: without a slash at its end. Raises StartupError where its client is not installed or refuses the URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._creates_only = False  # whether its server was seen to refuse to overwrite
        scheme = url.partition("://")[0]
        try:
            import fsspec

            self._fs, self._base = fsspec.core.url_to_fs(
                url, skip_instance_cache=True, use_listings_cache=False, **OPTIONS.get(scheme, {})
            )
        except ImportError as error:
            raise StartupError(f"{url}: {lacking(CLIENTS[scheme], error)}") from None
        except Exception as error:
            raise StoreUnreachable(f"{url} cannot be reached: {sentence(error)}") from None
        if hasattr(self._fs, "retries"):  # s3fs tries again on top of its client
            self._fs.retries = ATTEMPTS
        self._base = self._base.rstrip("/")

    def entries(self, folder: str) -> dict[str, dict[str, Any]]:
        """{name: what the client says of it} of what is right below a folder; empty where there is nothing."""
        path = self._path(folder)
        with self._in_words("listed"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                self._check_bucket()
                return {}
        named = {entry["name"].rstrip("/").rpartition("/")[2]: entry for entry in found}
        named.pop("", None)
        return {name: entry for name, entry in named.items() if entry["name"].rstrip("/") != path}

    def files(self, folder: str) -> dict[str, dict[str, Any]]:
        """{path below the folder: what the client says of it} of every object in it."""
        path = self._path(folder)
        with self._in_words("listed"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(path, detail=True)
            except FileNotFoundError:
                return {}
        return {name[len(path) + 1 :]: entry for name, entry in found.items()}

    def read(self, name: str) -> bytes | None:
        """One small object; None where there is none."""
        with self._in_words("read"):
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def read_some(self, names: list[str]) -> dict[str, bytes | None]:
        """Small objects, several at once; None for one that is not there."""
        paths = {self._path(name): name for name in names}
        with self._in_words("read"):
            found = self._fs.cat(list(paths), on_error="return") if paths else {}
            for content in found.values():
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content
        return {
            name: None if isinstance(found[path], Exception) else bytes(found[path]) for path, name in paths.items()
        }

    def read_all(self, names: list[str]) -> list[bytes]:
        """As `read_some`; all are there. Raises DigestMismatch."""
        found = self.read_some(names)
        if absent := [name for name in names if found[name] is None]:
            raise DigestMismatch(f"{self.url}/{absent[0]} is not there any more")
        return [content for name in names if (content := found[name]) is not None]

    def create(self, name: str, content: bytes) -> bool:
        """Write an object that is not there; False where another is. The same content counts as written: the answer
        to a first attempt may have been lost.
        """
        try:
            with self._in_words("written"):
                self._fs.pipe_file(self._path(name), content, mode="create")
        except StoreUnreachable:
            there = self.read(name)  # the clients have no common word for "it is there"
            if there is None:
                raise
            return there == content
        return True

    def check_create_only(self) -> None:
        """Raise StartupError for a server that overwrites what it is told only to create."""
        if self._creates_only:
            return
        name = ".create-only"
        if self.read(name) is None:
            self.create(name, b"Daylight asks this store to create this object again, and expects a refusal.\n")
        if self.create(name, f"{socket.gethostname()} {time.time_ns()}\n".encode()):
            self.delete(name)
            raise StartupError(
                f"{self.url} cannot be changed safely: its server overwrites objects that it is told only to create "
                "(If-None-Match), and of two promotions at once one would be lost; take one that does not"
            )
        self._creates_only = True

    def write(self, name: str, content: bytes) -> None:
        with self._in_words("written"):
            self._fs.pipe_file(self._path(name), content)

    def upload(self, path: Path, name: str) -> None:
        with self._in_words("written"):
            self._fs.put_file(str(path), self._path(name))

    def download(self, name: str, path: Path) -> None:
        """Raises DigestMismatch where the object is not there."""
        with self._in_words("read"):
            try:
                self._fs.get_file(self._path(name), str(path))
            except FileNotFoundError:
                raise DigestMismatch(f"{self.url}/{name} is not there") from None

    def delete(self, name: str) -> None:
        """An object or a folder of them; nothing where there is none."""
        with self._in_words("deleted"), suppress(FileNotFoundError):
            self._fs.rm(self._path(name), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}".rstrip("/")

    def _check_bucket(self) -> None:
        bucket = self._base.partition("/")[0]
        try:
            self._fs.ls(bucket)
        except FileNotFoundError:
            raise StoreUnreachable(
                f"{self.url} cannot be reached: there is no bucket {bucket}; make it first"
            ) from None

    @contextmanager
    def _in_words(self, done: str) -> Iterator[None]:
        try:
            yield
        except (DigestMismatch, StoreUnreachable):
            raise
        except PermissionError as error:
            raise StoreUnreachable(
                f"{self.url} cannot be {done} with the credentials found here: {sentence(error)}"
            ) from error
        except Exception as error:  # each client has errors of its own
            raise StoreUnreachable(f"{self.url} cannot be {done}: {sentence(error)}") from error


def lacking(client: str, error: ImportError) -> str:
    """Why a client cannot be imported, with the line that installs it."""
    if find_spec("fsspec") is not None and find_spec(client) is not None:
        return str(error)
    if client == "s3fs":
        return install(ModuleNotFoundError(name=client))
    return f"{client} is not installed here: pip install {client}"


def sentence(error: BaseException) -> str:
    return in_a_line(error, 240).rstrip(".") or type(error).__name__
