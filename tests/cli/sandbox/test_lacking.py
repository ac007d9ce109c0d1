"""Where the sandbox cannot be had, and where it is not needed."""

import pytest


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that is all of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_without_bubblewrap_it_is_refused_where_it_was_asked_for(pack, pickle, programs):
    ran = pack(pickle, "--sandbox")
    told = "bubblewrap (bwrap) is not installed: apt-get install bubblewrap"
    assert (ran.exit_code, ran.output) == (1, f"Error: --sandbox cannot be had here: {told}\n")
    ran = pack(pickle)
    assert ran.exit_code == 0
    assert ran.stderr.startswith(f"{pickle} is opened without a sandbox: {told}\n")
    assert "without a sandbox" not in pack(pickle, "--no-sandbox").output


def test_where_namespaces_are_forbidden_the_reason_is_told(pack, pickle, programs):
    (programs / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (programs / "bwrap").chmod(0o755)
    ran = pack(pickle, "--sandbox")
    assert ran.exit_code == 1
    assert "kernel.unprivileged_userns_clone" in ran.output
    assert ran.output.endswith(": bwrap: No permissions to create new namespace\n")


def test_safetensors_hold_no_code_and_need_no_sandbox(pack, tmp_path, programs):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model.safetensors").touch()
    ran = pack(tmp_path / "checkpoint")
    assert ran.exit_code == 1
    assert "without a sandbox" not in ran.output
    (tmp_path / "checkpoint" / "model.bin").touch()
    assert "is opened without a sandbox" in pack(tmp_path / "checkpoint").output
