"""Versions: verify, promote, rollback and remove, in the store and on the command line."""

import shutil

import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.cli import main
from service.errors import ArtifactMissing, StartupError
from service.packing import pack
from service.store.manifest import Manifest
from service.store.versions import Store

X, Y = load_iris(return_X_y=True, as_frame=True)


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture
def store(tmp_path):
    """A store with the model `m` in versions 1, 2 and 3, of which 3 is current."""
    store = Store(tmp_path)
    for _ in range(3):
        with store.adding("m") as draft:
            (draft.folder / "file.bin").write_bytes(b"payload")
            draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})
    return store


@pytest.fixture
def iris(tmp_path):
    """A store with the model `iris` in versions 1 and 2, of real estimators."""
    for strength in (1.0, 0.5):
        pack(LogisticRegression(C=strength, max_iter=1000).fit(X, Y), X, Y, name="iris", store=tmp_path)
    return Store(tmp_path)


def test_rollback_goes_back_the_way_it_came(store):
    assert [store.rollback("m"), store.rollback("m")] == ["2", "1"]
    assert store.current("m") == "1"
    with pytest.raises(ArtifactMissing, match="m version 1 has none before it"):
        store.rollback("m")
    assert store.current("m") == "1"


def test_rollback_undoes_a_promotion(store):
    store.promote("m", "1")
    assert store.rollback("m") == "3"
    store.promote("m", "2")
    store.promote("m", "2")  # once more changes nothing, so one step back is still one version back
    assert store.rollback("m") == "3"


def test_what_was_removed_is_not_gone_back_to(store):
    shutil.rmtree(store.root / "m" / "2")  # by hand, for `remove` refuses the way back
    assert store.versions("m") == ["1", "3"]
    assert store.rollback("m") == "1"


def test_going_back_never_stays_where_it_is(store):
    store.promote("m", "1")
    store.promote("m", "3")
    shutil.rmtree(store.root / "m" / "1")
    shutil.rmtree(store.root / "m" / "2")
    with pytest.raises(ArtifactMissing, match="none before it"):
        store.rollback("m")


def test_the_current_version_cannot_be_removed(store):
    with pytest.raises(ValueError, match="m version 3 is the current one"):
        store.remove("m", "3")
    with pytest.raises(ArtifactMissing, match="m has no version 7"):
        store.remove("m", "7")
    assert store.versions("m") == ["1", "2", "3"]


def test_the_way_back_cannot_be_removed(store):
    with pytest.raises(ValueError, match="m version 2 served before version 3, and is the way back"):
        store.remove("m", "2")
    store.remove("m", "1")
    assert store.versions("m") == ["2", "3"]


@pytest.mark.parametrize("name", ["../m", "..", ".", "a/b", ""])
def test_remove_never_leaves_the_store(store, name):
    (store.root / "m" / "2" / "kept").write_text("")
    with pytest.raises(ValueError, match="cannot be a"):
        store.remove("m", name)
    with pytest.raises(ValueError, match="cannot be a"):
        store.remove(name, "2")
    assert (store.root / "m" / "2" / "kept").exists()


def test_nothing_is_left_beside_the_versions(store):
    store.promote("m", "1")
    store.rollback("m")
    store.remove("m", "1")
    assert sorted(path.name for path in (store.root / "m").iterdir()) == ["2", "3", "current", "history"]


def test_a_version_being_written_or_removed_is_not_one(store):
    (store.root / "m" / ".draft-x").mkdir()
    (store.root / "m" / ".draft-x" / "manifest.json").write_text("{}")
    assert store.versions("m") == ["1", "2", "3"]


def test_an_emptied_current_file_is_told_and_mended(store):
    (store.root / "m" / "current").write_text("")
    with pytest.raises(StartupError, match="is empty; name a version: promote m VERSION"):
        store.open("m")
    store.promote("m", "2")
    assert store.current("m") == "2"


def test_a_current_file_with_one_line_is_one_without_history(store):
    """The form of stores packed before history was kept."""
    (store.root / "m" / "current").write_text("2\n")
    assert store.current("m") == "2"
    with pytest.raises(ArtifactMissing):
        store.rollback("m")


def test_the_command_line_promotes_rolls_back_and_removes(iris):
    pack(LogisticRegression(C=0.1, max_iter=1000).fit(X, Y), X, Y, name="iris", store=iris.root)
    for arguments, told in (
        (("promote", "iris", "1"), "iris went from version 3 to version 1"),
        (("rollback", "iris"), "iris went from version 1 to version 3"),
        (("remove", "iris", "1", "--yes"), "iris version 1 is removed"),
    ):
        found = run(*arguments, "--store", iris.root)
        assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, told)
    assert iris.versions("iris") == ["2", "3"]
    assert iris.current("iris") == "3"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("promote", "m", "7"), "m has no version 7; it has 1, 2, 3"),
        (("promote", "n", "1"), "has no model n"),
        (("rollback", "n"), "has no model n"),
        (("remove", "m", "3"), "is the current one"),
        (("remove", "n", "3"), "has no model n"),
        (("remove", "m", "../../x"), "cannot be a version"),
        (("verify", "n"), "has no model n"),
        (("verify", "../n"), "cannot be a model name"),
    ],
)
def test_every_refusal_is_one_sentence(store, arguments, told):
    found = run(*arguments, "--store", store.root)
    assert found.exit_code == 1
    assert told in found.output
    assert len(found.output.strip().splitlines()) == 1


def test_verify_loads_and_replays_every_version(iris):
    found = run("verify", "--store", iris.root)
    assert found.exit_code == 0
    assert found.output.splitlines() == ["iris version 1: sound", "iris version 2: sound"]
    assert run("verify", "iris", "2", "--store", iris.root).output.splitlines() == ["iris version 2: sound"]


def test_verify_tells_every_version_that_fails(iris):
    path = iris.open("iris", "1").folder / "model.joblib"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    manifest = iris.open("iris", "2").folder / "manifest.json"
    text = manifest.read_text()
    # the example's own answer is no longer the model's
    at = text.index('"predict": [', text.index('"example"')) + len('"predict": [')
    digit = text.index("0", at)
    manifest.write_text(text[:digit] + "2" + text[digit + 1 :])
    found = run("verify", "iris", "--store", iris.root)
    assert found.exit_code == 1
    assert "iris version 1: FAILED: iris version 1:" in found.output
    assert "has sha256" in found.output
    assert "iris version 2: FAILED: iris version 2 answers its own example with predict" in found.output
    assert run("verify", "iris", "7", "--store", iris.root).exit_code == 1


def test_models_marks_the_current_version(iris):
    iris.rollback("iris")
    found = run("models", "--store", iris.root)
    assert "1* 2" in found.output
