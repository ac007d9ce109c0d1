"""OpenSSF's `model_signing` checks what `daylight openssf sign` has signed, and the other way round."""

import subprocess

import pytest

from benchmarks.support.serving import ROOT
from service.errors import DigestMismatch
from service.store.openssf import check_signature, write_signature
from service.store.versions import Store
from tests.support.ecdsa_keys import key_pair

HOME = ROOT / ".venv-clients" / "model_signing"
if not (HOME / ".installed").exists():
    pytest.skip("needs make .venv-clients/model_signing/.installed", allow_module_level=True)


def tool(action, folder, *options):
    """(exit code, output) of the tool."""
    command = [HOME / "bin" / "model_signing", action, "key", folder, *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def version(tabular_store):
    return Store(tabular_store).open("iris").folder


def test_the_tool_accepts_a_signature_of_ours_and_sees_a_change(version, tmp_path):
    private, public = key_pair(tmp_path)
    signature = tmp_path / "model.sig"
    write_signature(version, private, signature)
    options = ("--signature", signature, "--public_key", public)
    assert tool("verify", version, *options) == (0, "Verification succeeded\n")
    (tmp_path / "copy").mkdir()
    for path in version.iterdir():
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes() + b" ")
    code, told = tool("verify", tmp_path / "copy", *options)
    assert code != 0
    assert "Hash mismatch" in told


def test_a_signature_of_the_tool_is_accepted_here(version, tmp_path):
    private, public = key_pair(tmp_path)
    signature = tmp_path / "model.sig"
    code, told = tool("sign", version, "--signature", signature, "--private_key", private)
    assert code == 0, told
    check_signature(version, public, signature)
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(DigestMismatch, match="was not made with"):
        check_signature(version, other, signature)
