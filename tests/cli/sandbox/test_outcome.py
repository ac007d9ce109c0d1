"""What comes out of the sandbox: the version and the sentences of packing without, and nothing that was altered."""

import json
import re
import signal
import sys

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from service.cli import main
from service.store.key_pairs import add_signer, make_private_key
from service.store.versions import Store
from tests.support.sandbox import needs_sandbox, write_class

X, Y = load_iris(return_X_y=True, as_frame=True)


def timeless(manifest):
    """A manifest without what differs from one packing to the next."""
    text = re.sub(r'"microseconds": \{[^}]*\}', "", json.dumps(manifest.__dict__ | {"created": ""}, sort_keys=True))
    return json.loads(text.replace(", , ", ", ").replace(", }", "}").replace("{, ", "{"))


@needs_sandbox
def test_a_pickle_is_packed_as_without_the_sandbox(pack, tmp_path):
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, Y), tmp_path / "iris.pkl")
    X.to_csv(tmp_path / "rows.csv", index=False)
    outputs, manifests = [], []
    for option in ("--sandbox", "--no-sandbox", None):
        name = f"m{len(outputs)}"
        ran = pack(
            tmp_path / "iris.pkl", "--data", tmp_path / "rows.csv", "--name", name, *([option] if option else [])
        )
        assert ran.exit_code == 0, ran.output
        outputs.append(re.sub(r"\(microseconds.*?\)", "", ran.output.replace(name, "m")))
        manifests.append(timeless(Store(tmp_path / "store").open(name).manifest) | {"model": ""})
    assert outputs[0] == outputs[1] == outputs[2]
    assert manifests[0] == manifests[1] == manifests[2]
    version = Store(tmp_path / "store").open("m0")
    version.verify()
    assert {path.stat().st_mode & 0o777 for path in version.folder.iterdir()} == {0o644}
    assert sorted(path.name for path in version.folder.parent.iterdir()) == ["1", "current", "history"]


@needs_sandbox
def test_what_is_packed_in_the_sandbox_is_signed_outside_of_it(pack, tmp_path):
    key, signers = tmp_path / "maria.pem", tmp_path / "signers.json"
    add_signer(signers, "maria", make_private_key(key), ["pack", "promote"])
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, Y), tmp_path / "iris.pkl")
    env = {"DAYLIGHT_PRIVATE_KEY": str(key), "DAYLIGHT_SIGNERS_FILE": str(signers)}
    assert pack(tmp_path / "iris.pkl", **env).exit_code == 0
    ran = CliRunner().invoke(main, ["verify", "--store", str(tmp_path / "store")], env=env)
    assert ran.exit_code == 0, ran.output


@needs_sandbox
@pytest.mark.parametrize("option", ["--sandbox", "--no-sandbox"])
def test_refusals_are_the_same_sentences(pack, tmp_path, option):
    joblib.dump(FunctionTransformer(np.save), tmp_path / "saves.pkl")
    ran = pack(tmp_path / "saves.pkl", option)
    assert ran.exit_code == 1
    assert ran.output.startswith(f"Error: {tmp_path}/saves.pkl was not opened: numpy.save is a function that is not")
    assert ran.output.endswith("--trust numpy.save; modules of your own: --code FILE\n")
    ran = pack(tmp_path / "none.pkl", option)
    assert ran.exit_code == 1
    assert ran.output.startswith(f"Error: there is no {tmp_path}/none.pkl")
    assert not (tmp_path / "store").exists()


@needs_sandbox
def test_what_the_file_prints_comes_through(pack, tmp_path):
    ran = pack(write_class(tmp_path, "print('said'); print('complained', file=sys.stderr); here = 0"))
    assert "said\n" in ran.stdout
    assert "complained\n" in ran.stderr


@needs_sandbox
def test_a_crash_is_told(pack, tmp_path):
    ran = pack(write_class(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV); here = 0"))
    assert ran.exit_code == 1
    assert f"was ended by signal {signal.SIGSEGV:d}" in ran.output


TRUSTING = """
import atexit, json, pathlib

def later():
    (path,) = pathlib.Path({store!r}).glob("*/*/manifest.json")
    manifest = json.loads(path.read_text())
    {change}
    path.write_text(json.dumps(manifest))

def identity(X):
    return X

atexit.register(later)
"""


@needs_sandbox
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('manifest["provenance"]["trusted"].append("posix.system")', "it trusts names that --trust does not"),
        ('manifest["kind"] = "python"', "it is that of evil version 1 (python)"),
        ('manifest["model"] = "other"', "it is that of other version 1 (tabular)"),
        ('manifest["files"]["evil.pkl"]["sha256"] = "0" * 64', "does not hold the digests of evil.pkl"),
        ('manifest["spec"] = []', "is not a manifest"),
        ('path.with_name("more").symlink_to("/etc/passwd")', "more is a link or no file"),
        ('path.with_name("more").write_text("x")', "does not hold the digests of more"),
        ('path.unlink(); path.parent.rename(path.parent.with_name("2")); raise SystemExit', "there is no version"),
    ],
)
def test_a_version_that_the_file_has_altered_is_not_adopted(pack, tmp_path, monkeypatch, change, told):
    """A trusted file may do all that it likes in the sandbox: also write the version that comes out of it."""
    (tmp_path / "libraries" / "site-packages").mkdir(parents=True)
    source = TRUSTING.format(store=str(tmp_path / "store"), change=change)
    (tmp_path / "libraries" / "site-packages" / "evil.py").write_text(source.replace("atexit.register(later)", ""))
    monkeypatch.syspath_prepend(tmp_path / "libraries" / "site-packages")
    import evil

    joblib.dump(FunctionTransformer(evil.identity).fit(X), tmp_path / "evil.pkl")
    (tmp_path / "libraries" / "site-packages" / "evil.py").write_text(source)
    monkeypatch.delitem(sys.modules, "evil")
    ran = pack(tmp_path / "evil.pkl", "--trust", "evil")
    assert ran.exit_code == 1
    assert told in ran.output.replace("manifest.json is that", "it is that")
    assert "is not adopted" in ran.output
    assert not (tmp_path / "store").exists()
