"""Pickles: what they would import is read without opening them, and the gate stops what is not known to be safe."""

import base64
import contextlib
import functools
import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc

import joblib
import numpy as np
import pytest
import sklearn
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.support.serving import ROOT
from service import models
from service.cli import main
from service.errors import DigestMismatch, StartupError
from service.models.runtimes import pickles
from service.packing import pack, pack_file
from service.packing.pickle_file import contents, imports
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.versions import Store

X, Y = load_iris(return_X_y=True, as_frame=True)


class Calls:
    """Pickles as a call of any function: what an attacker writes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def written(tmp_path):
    return Calls(os.system, f"touch {tmp_path / 'pwned'}")


def fitted():
    return LogisticRegression(max_iter=1000).fit(X, Y)


def run(*arguments, **environment):
    return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)


def replaced(version, payload, data):
    """Put other bytes in the place of a payload, and its digest into the manifest: what a careful intruder does."""
    (version.folder / payload).write_bytes(data)
    manifest = json.loads((version.folder / "manifest.json").read_text())
    draft = Store(version.folder.parents[1])
    with draft.adding("other") as other:
        (other.folder / payload).write_bytes(data)
        manifest |= {"model": "other", "version": "1", "files": other.digests()}
        other.manifest = Manifest(**manifest)
    return draft.open("other")


WAYS = {
    "joblib": lambda one, file: joblib.dump(one, file),
    "compressed": lambda one, file: joblib.dump(one, file, compress=("gzip", 3)),
    "lzma": lambda one, file: joblib.dump(one, file, compress=("lzma", 1)),
    **{f"protocol {n}": functools.partial(pickle.dump, protocol=n) for n in range(6)},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_imports_of_a_pickle_are_read_in_every_form(way):
    file = io.BytesIO()
    estimator = make_pipeline(StandardScaler(), SelectKBest(k=2), KNeighborsClassifier()).fit(X, Y)
    WAYS[way](estimator, file)
    file.seek(0)
    found = contents(file)
    assert {"sklearn.pipeline.Pipeline", "sklearn.feature_selection._univariate_selection.f_classif"} <= found.imports
    assert {name.split(".")[0] for name in found.imports} <= {
        *("sklearn", "numpy", "joblib", "builtins", "collections", "copyreg", "_codecs")
    }
    assert found.refused() == {}
    assert found.sklearn == sklearn.__version__
    assert pickles.load(file).predict(X).tolist() == estimator.predict(X).tolist()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(5.0),
        np.array([], dtype=np.float32),
        np.array(3),
        np.array(["a", None, 1.5], dtype=object),
        np.array(["one", "three"]),
        np.array([(1, "x")], dtype=[("n", "i4"), ("s", "U3")]),
        np.array([(1, "x")], dtype=[("n", "i4"), ("o", "O")]),
        np.array(["2020-01-01"], dtype="datetime64[ns]"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros(3, dtype=[("pair", "f8", (2,))]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_nothing_after_an_array_in_the_file_is_overlooked(way, array):
    file = io.BytesIO()
    WAYS[way]([array, Calls(os.system, "false")], file)
    file.seek(0)
    assert {name for name in imports(file) if name.endswith(".system")} == {f"{os.system.__module__}.system"}


def test_an_object_inside_an_array_of_objects_is_seen_and_stopped(tmp_path):
    hidden = np.array([None, written(tmp_path)], dtype=object)
    joblib.dump(hidden, tmp_path / "a.joblib")
    with open(tmp_path / "a.joblib", "rb") as file:
        assert "posix.system" in imports(file)
        with pytest.raises(pickles.Refused, match=r"posix\.system is not known to be safe"):
            pickles.load(file)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_that_runs_code_is_refused_at_packing_and_not_run(tmp_path, way):
    path = tmp_path / "evil.pkl"
    with open(path, "wb") as file:
        WAYS[way]({"model": fitted(), "more": written(tmp_path)}, file)
    found = run("pack", path, "--store", tmp_path / "store")
    assert found.exit_code != 0
    assert "posix.system is not known to be safe" in found.output
    assert "--trust posix.system" in found.output
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "store").exists()


def test_the_same_file_run_by_pickle_itself_does_write(tmp_path):
    """The attack is real: without this, a harmless file would pass the tests above."""
    pickle.loads(pickle.dumps(written(tmp_path)))
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_that_runs_code_is_refused_at_serving_and_not_run(tmp_path, way):
    """Even where the intruder has mended the manifest's digest."""
    version = pack(fitted(), X, Y, name="iris", store=tmp_path / "store", runtime="sklearn")
    file = io.BytesIO()
    WAYS[way](written(tmp_path), file)
    other = replaced(version, "model.joblib", file.getvalue())
    with pytest.raises(StartupError, match=r"Refused: posix\.system is not known to be safe"):
        models.load(other, Settings())
    with pytest.raises(DigestMismatch):
        models.load(version, Settings())
    assert not (tmp_path / "pwned").exists()


def raw(*opcodes):
    """A pickle written by hand, protocol 4."""
    return b"\x80\x04" + b"".join(opcodes) + b"."


def name(module, attribute):
    return b"".join(b"\x8c" + bytes([len(one)]) + one.encode() for one in (module, attribute)) + b"\x93"


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


# Each writes the file `x`, were it run.
ATTACKS = {
    "a function": lambda x: raw(name("os", "system"), text(f"touch {x}"), b"\x85R"),
    "a function of builtins": lambda x: raw(name("builtins", "eval"), text(f"open('{x}', 'w')"), b"\x85R"),
    "by the names of Python 2": lambda x: b"c__builtin__\neval\n(S\"open('%b', 'w')\"\ntR." % x.encode(),
    "by INST": lambda x: b"(S'touch %b'\nios\nsystem\n." % x.encode(),
    "by OBJ": lambda x: raw(b"(", name("os", "system"), text(f"touch {x}"), b"o"),
    "by what a known module imported": lambda x: raw(
        name("sklearn.utils._testing", "os.system"), text(f"touch {x}"), b"\x85R"
    ),
    "by a dotted name": lambda x: raw(name("joblib.numpy_pickle", "os.system"), text(f"touch {x}"), b"\x85R"),
    "by a re-export": lambda x: raw(name("sklearn.base", "warnings.sys.modules"), text(f"touch {x}"), b"\x85R"),
    "an evaluating function of a known package": lambda x: raw(
        name("numpy.f2py.crackfortran", "myeval"), text(f"open('{x}', 'w')"), b"\x85R"
    ),
    "any function of a known package": lambda x: raw(name("numpy", "savetxt"), text(x), b"K\x01\x85\x86R"),
    "pandas' eval": lambda x: raw(name("pandas", "eval"), text(f"@open('{x}', 'w')"), b"\x85R"),
    "a class that opens a file": lambda x: raw(name("numpy", "memmap"), text(x), text("uint8"), text("w+"), b"\x87R"),
    "the same by NEWOBJ": lambda x: raw(name("numpy", "memmap"), text(x), text("uint8"), text("w+"), b"\x87\x81"),
    "a writer of a known package": lambda x: raw(name("pandas", "ExcelWriter"), text(x), b"\x85R"),
    "a function that makes one": lambda x: raw(
        name("copyreg", "_reconstructor"), name("numpy", "memmap"), name("numpy", "memmap"), text(x), b"\x87R"
    ),
    "a bound method of what was made": lambda x: raw(
        name("numpy", "ndarray.tofile"), name("numpy", "ndarray"), b"K\x01\x85R", text(x), b"\x86R"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_malicious_pickle_is_refused_when_listed_and_when_opened(tmp_path, attack):
    data = ATTACKS[attack](str(tmp_path / "x"))
    with pytest.raises(pickles.Refused):
        pickles.load(io.BytesIO(data))
    assert contents(io.BytesIO(data)).refused()
    assert not (tmp_path / "x").exists()


def test_what_the_file_did_not_import_is_not_called():
    made = raw(name("functools", "partial"), name("numpy", "clip"), b"\x85R", b"K\x01\x85R")
    with pytest.raises(pickles.Refused, match="no class or function it imports"):
        pickles.load(io.BytesIO(made))


def test_an_imported_class_is_not_changed():
    changed = raw(name("sklearn.svm", "SVC"), b"N}", text("predict"), name("numpy", "clip"), b"s\x86b")
    with pytest.raises(pickles.Refused, match=r"it changes sklearn\.svm\.SVC"):
        pickles.load(io.BytesIO(changed))


def test_an_array_wrapper_that_hides_opcodes_gains_nothing(tmp_path):
    """A reader that skips the array's bytes differently must still be stopped at the import itself."""
    file = io.BytesIO()
    payload = pickle.dumps(written(tmp_path))
    joblib.dump([np.frombuffer(payload, np.uint8), fitted()], file)
    file.seek(0)
    assert contents(file).refused() == {}
    array, _ = pickles.load(file)
    assert array.tobytes() == payload
    assert not (tmp_path / "pwned").exists()


@example(b"\x80\x05\x96" + (2**60).to_bytes(8, "little"))  # says that an exabyte follows: a MemoryError once
@given(st.binary(max_size=200))
def test_a_broken_file_raises_nothing_but_a_value_error(data):
    with contextlib.suppress(ValueError):
        contents(io.BytesIO(data))


@pytest.mark.parametrize("kept", [0, 1, 10, 200, -1])
def test_a_cut_file_is_refused_in_one_sentence(tmp_path, kept):
    joblib.dump(RandomForestClassifier(3).fit(X, Y), tmp_path / "f.pkl")
    (tmp_path / "f.pkl").write_bytes((tmp_path / "f.pkl").read_bytes()[:kept])
    with pytest.raises(ValueError, match="f.pkl is not a pickle that can be read"):
        pack_file(tmp_path / "f.pkl", store=tmp_path / "store")


def test_trust_names_exactly_what_it_lets_through(tmp_path):
    path = tmp_path / "model.pkl"
    joblib.dump(make_pipeline(FunctionTransformer(base64.b64encode), fitted()), path)
    with pytest.raises(ValueError, match=r"--trust base64\.b64encode"):
        pack_file(path, store=tmp_path / "store")
    estimator = make_pipeline(FunctionTransformer(json_safe), fitted())
    X.to_csv(tmp_path / "rows.csv", index=False)
    joblib.dump(estimator, path)
    whole = f"{__name__}.json_safe"
    with pytest.raises(ValueError, match=f"--trust {whole}; modules of your own"):
        pack_file(path, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
    for trust in (whole, __name__, __name__.split(".")[0]):
        version = pack_file(path, store=tmp_path / "store", data=tmp_path / "rows.csv", trust=[trust])
        assert version.manifest.provenance["trusted"] == [whole]
        models.load(version, Settings()).warm_up()
    with pytest.raises(ValueError, match="--trust"):
        pack_file(path, store=tmp_path / "store", trust=[__name__[:-1]])


def json_safe(frame):
    return frame


def test_what_a_notebook_packs_needs_no_question_and_is_recorded(tmp_path):
    version = pack(make_pipeline(FunctionTransformer(json_safe), fitted()), X, Y, name="m", store=tmp_path)
    assert version.manifest.provenance["trusted"] == [f"{__name__}.json_safe"]
    models.load(version, Settings()).warm_up()
    assert "trusted" not in pack(fitted(), X, Y, name="plain", store=tmp_path).manifest.provenance


def test_a_class_of_main_is_refused_with_what_to_do(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.datasets import load_iris\n"
        "from service.packing import pack\n"
        "class Mine(LogisticRegression): pass\n"
        "X, y = load_iris(return_X_y=True)\n"
        "pack(Mine(max_iter=1000).fit(X, y), X, y, name='m', store='store')\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "Mine is defined in __main__, which a server cannot import: move it into a file" in done.stderr
    assert Store(tmp_path / "store").models() == []


def test_an_encoder_of_mixed_categories_passes_the_gate(tmp_path):
    table = [["a", 1], ["b", 2], [None, 1]]
    joblib.dump(OneHotEncoder().fit(np.array(table, dtype=object)), tmp_path / "e.pkl")
    with open(tmp_path / "e.pkl", "rb") as file:
        assert contents(file).refused() == {}
        assert pickles.load(file).categories_[1].tolist() == [1, 2]


def test_the_look_at_a_large_array_takes_little_memory(tmp_path):
    model = GaussianNB().fit(X, Y)
    model.extra_ = np.zeros(8 * 2**20 // 8)
    for way in ("joblib", "protocol 5", "compressed"):
        with open(tmp_path / "large", "wb") as file:
            WAYS[way]([model, *(np.full(2**20, n, dtype=float) for n in range(8))], file)
        with open(tmp_path / "large", "rb") as file:
            tracemalloc.start()
            contents(file)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 36 * 2**20, way
