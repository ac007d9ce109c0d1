"""The store: immutable versions, digests checked before anything is opened, one atomic current file."""

import json

import pytest

from service.errors import ArtifactMissing, DigestMismatch, StartupError
from service.store.manifest import Manifest
from service.store.versions import Store, check_name


def add(store, model="m", version=None, payload=b"payload"):
    with store.adding(model, version) as draft:
        (draft.folder / "file.bin").write_bytes(payload)
        draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})
    return store.open(model, draft.version)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_a_version_can_be_read_back(store):
    add(store)
    version = store.open("m")
    assert (version.manifest.version, version.manifest.kind) == ("1", "tabular")
    version.verify()
    with version.open("file.bin") as file:
        assert file.read() == b"payload"


def test_versions_count_up_and_the_last_packed_is_current(store):
    for _ in range(3):
        add(store)
    assert store.versions("m") == ["1", "2", "3"]
    assert store.current("m") == "3"
    add(store, version="spring")
    assert store.current("m") == "spring"
    assert store.next_version("m") == "4"


def test_promote_changes_what_is_current_and_refuses_what_is_not_there(store):
    add(store)
    add(store)
    store.promote("m", "1")
    assert store.open("m").manifest.version == "1"
    with pytest.raises(ArtifactMissing):
        store.promote("m", "7")
    assert store.current("m") == "1"


def test_a_version_never_changes(store):
    add(store, version="a")
    with pytest.raises(ValueError, match="never change"):
        add(store, version="a", payload=b"other")


def test_a_failed_packing_leaves_nothing(store):
    with pytest.raises(RuntimeError), store.adding("m") as draft:
        (draft.folder / "half").write_bytes(b"")
        raise RuntimeError
    assert store.models() == []
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_one_flipped_bit_is_found_before_the_file_is_handed_out(store):
    version = add(store)
    path = version.folder / "file.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(DigestMismatch, match="file.bin has sha256"):
        version.open("file.bin")
    with pytest.raises(DigestMismatch):
        version.verify()


def test_a_missing_payload_is_named(store):
    version = add(store)
    (version.folder / "file.bin").unlink()
    with pytest.raises(ArtifactMissing, match=r"file\.bin is missing"):
        version.verify()


def test_a_file_the_manifest_does_not_name_is_not_opened(store):
    version = add(store)
    (version.folder / "extra.pkl").write_bytes(b"")
    with pytest.raises(ArtifactMissing, match=r"names no file extra\.pkl"):
        version.open("extra.pkl")


@pytest.mark.parametrize("text", ["", "[]", '{"model": "m"}', "{"])
def test_a_broken_manifest_is_refused(store, text):
    version = add(store)
    (version.folder / "manifest.json").write_text(text)
    with pytest.raises(StartupError, match="is not a manifest"):
        store.open("m")


def test_a_manifest_of_another_version_is_refused(store):
    version = add(store)
    path = version.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "2"}))
    with pytest.raises(StartupError, match="holds the manifest of m version 2"):
        store.open("m")


def test_a_missing_store_and_a_missing_model_are_named(tmp_path):
    with pytest.raises(ArtifactMissing, match="nowhere is not a folder"):
        Store(tmp_path / "nowhere").models()
    with pytest.raises(ArtifactMissing, match="has no model absent"):
        Store(tmp_path).open("absent")


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", ".hidden", "current", "x" * 65, "a b", "é", "about.json", "shadow.json"]
)
def test_names_that_could_leave_the_store_are_refused(name):
    with pytest.raises(
        ValueError, match="cannot be a model name: .* not 'current', 'history', 'about.json' or 'shadow.json'"
    ):
        check_name(name)
