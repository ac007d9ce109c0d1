"""A version that another process has written is taken into a store only as what its manifest says it is."""

import json
import os
import stat

import pytest

from service.errors import StartupError
from service.store.adoption import adopt
from service.store.manifest import MANIFEST
from service.store.versions import Store
from tests.support.stores import add_small


@pytest.fixture
def made(tmp_path):
    """The folder of version 1 of `m` in a store that is not trusted."""
    store = Store(tmp_path / "made")
    add_small(store)
    return store.open("m").folder


@pytest.fixture
def adopted(tmp_path, made):
    """A function that takes the version into another store, and gives it."""

    def take(kind="tabular"):
        store = Store(tmp_path / "store")
        with store.adding("m") as draft:
            adopt(draft, made.parents[1], kind)
        return store.open("m")

    return take


def test_a_version_is_moved_as_it_is(made, adopted):
    manifest = json.loads((made / MANIFEST).read_text())
    version = adopted()
    version.verify()
    assert json.loads((version.folder / MANIFEST).read_text()) == manifest
    assert not list(made.iterdir())


def test_no_file_of_it_can_be_executed_or_be_another_user(made, adopted):
    (made / "file.bin").chmod(0o6755)
    assert stat.S_IMODE((adopted().folder / "file.bin").stat().st_mode) == 0o644


def exchange_folder(made):
    made.rename(made.with_name("elsewhere"))
    made.symlink_to(made.with_name("elsewhere"))


def alter(made, **changes):
    manifest = json.loads((made / MANIFEST).read_text())
    (made / MANIFEST).write_text(json.dumps(manifest | changes))


CHANGES = {
    "a symbolic link": (lambda made: (made / "link").symlink_to("file.bin"), "link is a link or no file"),
    "a hard link": (lambda made: (made / "link").hardlink_to(made / "file.bin"), "is a link or no file"),
    "a pipe": (lambda made: os.mkfifo(made / "pipe"), "pipe is a link or no file"),
    "a file more": (lambda made: (made / "more").write_text(""), "does not hold the digests of more"),
    "another file": (lambda made: (made / "file.bin").write_text("other"), "does not hold the digests of file.bin"),
    "a file less": (lambda made: (made / "file.bin").unlink(), "does not hold the digests of file.bin"),
    "no manifest": (lambda made: (made / MANIFEST).unlink(), "manifest.json is missing"),
    "a deep manifest": (lambda made: (made / MANIFEST).write_text("[" * 100_000), "nested too deep"),
    "an empty manifest": (lambda made: (made / MANIFEST).write_text("{}"), "is not a manifest"),
    "a large manifest": (lambda made: os.truncate(made / MANIFEST, 2**30), "too large to be one"),
    "another version": (lambda made: alter(made, version="2"), "that of m version 2"),
    "another model": (lambda made: alter(made, model="other"), "that of other version 1"),
    "another kind": (lambda made: alter(made, kind="python"), "that of m version 1 (python)"),
    "a list for a dict": (lambda made: alter(made, provenance=[]), "is not a manifest"),
    "a folder elsewhere": (exchange_folder, "there is no version"),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
def test_anything_else_is_refused_and_nothing_is_left(made, adopted, tmp_path, change, told):
    change(made)
    with pytest.raises(StartupError) as caught:
        adopted()
    assert told in str(caught.value)
    assert not list((tmp_path / "store").glob("*"))
