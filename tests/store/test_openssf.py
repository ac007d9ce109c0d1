"""Signatures in OpenSSF's format: made, checked, and refused. tests/clients/test_openssf.py asks the tool itself."""

import base64
import json

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec

from service.cli import main
from service.errors import ArtifactMissing, BadSetting, DigestMismatch
from service.store.key_pairs import make_private_key
from service.store.openssf import check_signature, write_signature
from tests.support.ecdsa_keys import key_pair


@pytest.fixture
def version(tmp_path):
    """The folder of a version, in miniature."""
    folder = tmp_path / "1"
    (folder / "below").mkdir(parents=True)
    for name in ("manifest.json", "model.onnx", "below/weights"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture(params=[ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def keys(request, tmp_path):
    return key_pair(tmp_path, curve=request.param)


@pytest.fixture
def signed(version, tmp_path):
    """(the version, the public key, its signature)"""
    private, public = key_pair(tmp_path)
    write_signature(version, private, tmp_path / "model.sig")
    return version, public, tmp_path / "model.sig"


def test_every_curve_signs_and_checks(version, keys, tmp_path):
    private, public = keys
    write_signature(version, private, tmp_path / "model.sig")
    check_signature(version, public, tmp_path / "model.sig")
    payload = json.loads(base64.b64decode(json.loads((tmp_path / "model.sig").read_text())["dsseEnvelope"]["payload"]))
    names = [each["name"] for each in payload["predicate"]["resources"]]
    assert names == ["below/weights", "manifest.json", "model.onnx"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda folder: (folder / "model.onnx").write_text("other"), "model.onnx"),
        (lambda folder: (folder / "more").write_text(""), "more"),
        (lambda folder: (folder / "below/weights").unlink(), "below/weights"),
        (lambda folder: (folder / "manifest.json").rename(folder / "renamed"), "manifest.json, renamed"),
    ],
)
def test_a_file_that_has_changed_is_named(signed, change, names):
    folder, public, signature = signed
    change(folder)
    with pytest.raises(DigestMismatch, match=f"is not what .*model.sig was made for: {names}$"):
        check_signature(folder, public, signature)


def test_another_key_and_a_changed_statement_are_refused(signed, tmp_path):
    folder, public, signature = signed
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(DigestMismatch, match="was not made with the private key of .*other.pub"):
        check_signature(folder, other, signature)
    bundle = json.loads(signature.read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"model.onnx", b"model.onny")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    signature.write_text(json.dumps(bundle))
    with pytest.raises(DigestMismatch, match="was not made with"):
        check_signature(folder, public, signature)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"dsseEnvelope": {"payload": 7, "signatures": [{}]}}']
)
def test_what_is_no_signature_is_refused_in_a_sentence(signed, content):
    folder, public, signature = signed
    signature.write_bytes(content)
    with pytest.raises(ArtifactMissing, match="is no signature of OpenSSF Model Signing"):
        check_signature(folder, public, signature)
    signature.unlink()
    with pytest.raises(ArtifactMissing, match="is no signature of OpenSSF Model Signing"):
        check_signature(folder, public, signature)


def test_keys_of_other_kinds_are_refused_with_the_command_that_makes_one(version, tmp_path):
    make_private_key(tmp_path / "ours.pem")
    private, public = key_pair(tmp_path, curve=ec.SECP256K1())
    for key in (tmp_path / "ours.pem", private):
        with pytest.raises(BadSetting, match="no private ECDSA key of the curves .*openssl ecparam"):
            write_signature(version, key, tmp_path / "model.sig")
    with pytest.raises(BadSetting, match="no public ECDSA key"):
        check_signature(version, public, tmp_path / "model.sig")
    (tmp_path / "none.pem").write_text("none")
    for key in (tmp_path / "none.pem", tmp_path / "absent.pem", public):
        with pytest.raises(BadSetting, match="is no key in PEM that can be read here"):
            write_signature(version, key, tmp_path / "model.sig")
    assert not (tmp_path / "model.sig").exists()


def test_commands(tabular_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    private, public = key_pair(tmp_path)

    def run(*words, code=0):
        ran = CliRunner().invoke(main, ["openssf", *map(str, words), "--store", str(tabular_store)])
        assert ran.exit_code == code, ran.output
        return ran.output

    assert "model_signing verify key" in run("sign", "iris", "--key", private)
    checked = run("verify", "iris", "1", "--key", public, "--signature", "iris-1.sig")
    assert checked == f"iris version 1: signed by the owner of {public}\n"
    _, other = key_pair(tmp_path, "other")
    assert "was not made with" in run("verify", "iris", "--key", other, "--signature", "iris-1.sig", code=1)
