"""Safe artifacts: versions of libraries, `.skops` files, signatures and digests; what was changed is refused."""

import functools
import json
import pickle
import re

import pytest
import sklearn
import skops.io
import torch
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from service import models
from service.cli import main
from service.errors import BadSetting, DigestMismatch, StartupError, VersionMismatch
from service.packing import pack, pack_file
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.signature import sign
from service.store.versions import Store

KEY = "a key of more than sixteen characters"
X, Y = load_iris(return_X_y=True, as_frame=True)


def fitted():
    return LogisticRegression(max_iter=1000).fit(X, Y)


def run(*arguments, **environment):
    return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)


def json_safe(frame):
    return frame


def made_by_an_older_scikit_learn(path):
    now, older = (b"\x8c\x05" + one for one in (sklearn.__version__.encode(), b"1.2.3"))
    data = pickle.dumps(fitted())
    assert now in data
    path.write_bytes(data.replace(now, older))


def test_a_pickle_of_another_scikit_learn_is_packed_with_a_note_of_both_releases(tmp_path):
    """It said `pip install scikit-learn==1.2.3`, which broke the environment for everything else in it."""
    made_by_an_older_scikit_learn(tmp_path / "old.pkl")
    found = run("pack", tmp_path / "old.pkl", "--store", tmp_path / "store")
    assert found.exit_code == 0, found.output
    assert f"made with scikit-learn 1.2.3, and {sklearn.__version__} is installed" in found.output
    assert "pip install" not in found.output
    version = Store(tmp_path / "store").open("old")
    assert version.manifest.provenance["made_with"] == {"scikit-learn": "1.2.3"}
    models.load(version, Settings()).warm_up()


@pytest.mark.parametrize(("packed", "served"), [("1.2.3", False), ("2.9.1", False), ("1.9.7", True)])
def test_a_version_packed_with_another_scikit_learn_is_not_served(tmp_path, packed, served):
    version = pack(fitted(), X, Y, name="iris", store=tmp_path, runtime="sklearn")
    version.manifest.provenance["needs"]["sklearn"] = packed
    if served:
        models.load(version, Settings()).warm_up()
        return
    with pytest.raises(
        VersionMismatch, match=f"scikit-learn {packed} and .* is installed.*DAYLIGHT_ALLOW_VERSION_MISMATCH=yes"
    ):
        models.load(version, Settings())
    models.load(version, Settings.from_environ({"DAYLIGHT_ALLOW_VERSION_MISMATCH": "yes"})).warm_up()


def test_a_skops_file_is_packed_and_served(tmp_path):
    skops.io.dump(fitted(), tmp_path / "iris.skops")
    version = pack_file(tmp_path / "iris.skops", store=tmp_path / "store")
    model = models.load(version, Settings())
    model.warm_up()
    assert model.predict(X.head(3).to_numpy().tolist()).predictions == [0, 0, 0]


def test_types_of_a_skops_file_are_trusted_by_the_settings_alone(tmp_path, monkeypatch):
    whole = f"{__name__}.json_safe"
    skops.io.dump(make_pipeline(FunctionTransformer(json_safe), fitted()), tmp_path / "m.skops")
    with pytest.raises(ValueError, match=f"not trusted: {whole}"):
        pack_file(tmp_path / "m.skops", store=tmp_path / "store", trust=[whole])
    monkeypatch.setenv("DAYLIGHT_TRUSTED_TYPES", f"other.Thing, {whole}")
    X.to_csv(tmp_path / "rows.csv", index=False)
    version = pack_file(tmp_path / "m.skops", data=tmp_path / "rows.csv", store=tmp_path / "store")
    models.load(version, Settings.from_environ()).warm_up()
    with pytest.raises(StartupError, match=f"not trusted: {whole}"):
        models.load(version, Settings())


@pytest.fixture
def signed(tmp_path, monkeypatch):
    monkeypatch.setenv("DAYLIGHT_SIGNING_KEY", KEY)
    return pack(fitted(), X, Y, name="iris", store=tmp_path)


def test_a_signed_version_is_served_with_its_key_and_without_any(signed):
    for key in (KEY, ""):
        models.load(signed, Settings(signing_key=key)).warm_up()
    with pytest.raises(DigestMismatch, match="another DAYLIGHT_SIGNING_KEY"):
        models.load(signed, Settings(signing_key=KEY + "?"))


def test_an_unsigned_version_is_refused_where_a_key_is_set(tmp_path):
    version = pack(fitted(), X, Y, name="iris", store=tmp_path)
    with pytest.raises(DigestMismatch, match="iris version 1: its manifest is not signed"):
        models.load(version, Settings(signing_key=KEY))


def paths(value, here=()):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from paths(one, (*here, key))
    else:
        yield here


def test_every_single_word_of_a_signed_manifest_is_covered(tmp_path, signed):
    path = signed.folder / "manifest.json"
    plain = json.loads(path.read_text())
    for place in paths(plain):
        edited = json.loads(path.read_text())
        *outer, last = place
        inner = functools.reduce(dict.__getitem__, outer, edited)
        inner[last] = "edited" if inner[last] != "edited" else "again"
        with pytest.raises(DigestMismatch):
            models.load(type(signed)(signed.folder, Manifest(**edited)), Settings(signing_key=KEY))
    edited = plain | {"metrics": {"accuracy": 1.0}}
    path.write_text(json.dumps(edited))
    with pytest.raises(DigestMismatch, match="was altered"):
        models.load(Store(tmp_path).open("iris"), Settings(signing_key=KEY))


def test_a_signature_is_that_of_what_will_be_read(signed):
    assert sign(signed.manifest, KEY) == signed.manifest.signature == sign(Manifest.read(signed.folder), KEY)


def test_the_key_is_never_shown():
    settings = Settings.from_environ({"DAYLIGHT_SIGNING_KEY": KEY})
    assert settings.signing_key == KEY
    assert KEY not in repr(settings)
    with pytest.raises(BadSetting, match="at least 16 characters") as caught:
        Settings.from_environ({"DAYLIGHT_SIGNING_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_one_flipped_bit_in_any_file_is_refused(tmp_path):
    (tmp_path / "carried_one.py").write_text("VALUE = 1\n")
    version = pack(fitted(), X, Y, name="iris", store=tmp_path / "store", code=[tmp_path / "carried_one.py"])
    files = {"model.joblib", "model.onnx", "proof.json", "background.json", "profile.json", "code/carried_one.py"}
    assert set(version.manifest.files) == files
    for name in version.manifest.files:
        path = version.folder / name
        data = path.read_bytes()
        for place in {0, len(data) // 2, len(data) - 1}:
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(DigestMismatch):
                models.load(version, Settings())
        path.write_bytes(data)
    models.load(version, Settings()).warm_up()


def test_torch_modules_are_refused_and_bare_weights_get_advice(tmp_path):
    network = torch.nn.Linear(1, 1)
    torch.save(network, tmp_path / "whole.pt")
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    for file, told in (("whole.pt", "holds more than tensors"), ("weights.pth", "pack the folder that holds them")):
        found = run("pack", tmp_path / file, "--store", tmp_path / "store")
        assert found.exit_code == 1
        assert told in found.output


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_programs_of_torch_are_told_with_the_lines_that_convert_them(tmp_path):
    """torch advised to load TorchScript with weights_only=False."""
    network, rows = torch.nn.Linear(3, 1), torch.rand(2, 3)
    torch.jit.save(torch.jit.trace(network, rows), tmp_path / "traced.pt")
    lines = r"TorchScript; as an ONNX file it is served: torch\.onnx\.export\(torch\.jit\.load\('traced.pt'\)"
    found = run("pack", tmp_path / "traced.pt", "--store", tmp_path / "store", "--no-sandbox")
    assert found.exit_code == 1
    assert re.search(lines, found.output)
    assert "weights_only" not in found.output
    assert re.search(lines, run("doctor", tmp_path / "traced.pt").output)


def test_a_model_of_a_library_that_is_not_installed_names_the_library(tmp_path):
    """Its classes could not be looked up, so they used to be refused one by one as functions to be trusted."""
    (tmp_path / "boosted.pkl").write_bytes(b"cfeature_engine.encoding\nOneHotEncoder\n)R.")
    with pytest.raises(ValueError, match=r"needs feature_engine, which is not installed.*: pip install feature-engine"):
        pack_file(tmp_path / "boosted.pkl", store=tmp_path / "store")
