"""What a file's own code cannot reach while it is packed in the sandbox."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from service.cli.sandbox import watch
from service.store.key_pairs import add_signer, make_private_key
from tests.support.sandbox import needs_sandbox

TRYING = """
try:
    here = {action}
except OSError as error:
    here = type(error).__name__
"""


@needs_sandbox
def test_no_listener_on_this_machine_is_reached(answer):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.2)
        action = f"socket.create_connection({listener.getsockname()!r}, 2)"
        assert answer(TRYING.format(action=action)) in {"ConnectionRefusedError", "OSError"}
        with pytest.raises(TimeoutError):
            listener.accept()


@needs_sandbox
@pytest.mark.parametrize("folder", ["/tmp", "/run", "/dev/shm", "."])
def test_no_unix_socket_is_reached(answer, tmp_path, folder):
    """A file system that is mounted to be read alone does not keep anybody from connecting to a socket in it."""
    if not os.access(folder, os.W_OK):
        pytest.skip(f"{folder} cannot be written by this user")
    path = os.path.abspath(f"{folder}/daylight-test-{os.getpid()}")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        try:
            listener.listen()
            reached = f"socket.socket(socket.AF_UNIX).connect({path!r})"
            assert answer(TRYING.format(action=reached)) == "FileNotFoundError"
        finally:
            os.unlink(path)


@needs_sandbox
@pytest.mark.parametrize(
    "place", ["../outside", "here.txt", "/etc/new", "/dev/new", "/new", "{package}/new", "{home}/new"]
)
def test_no_file_is_written_outside(answer, tmp_path, place):
    path = place.format(package=Path(watch.__file__).parent, home=Path.home())
    in_memory = Path(os.path.abspath(path)).is_relative_to("/tmp")  # the sandbox has a /tmp of its own
    told = answer(TRYING.format(action=f"Path({path!r}).write_text('x')"))
    assert told in {"OSError", "FileNotFoundError", "PermissionError", "1" if in_memory else ""}
    assert not Path(path).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "spy.py", "store"]


@needs_sandbox
def test_home_the_current_folder_and_the_environment_hold_no_secret(answer, tmp_path):
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    secrets = [home / ".ssh" / "id_ed25519", tmp_path / "here" / "maria.pem", tmp_path / "beside.txt"]
    for path in secrets:
        path.write_text("hunter2")
    env = {"HOME": str(home), "HF_TOKEN": "hunter2", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    env |= {"DAYLIGHT_SIGNING_KEY": "hunter2" * 5}
    paths = list(map(str, secrets))
    told = answer(
        f"here = [os.path.exists(each) for each in {paths}], 'hunter2' in str(os.environ), os.environ['HOME']", **env
    )
    assert told == "([False, False, False], False, '/tmp')"


@needs_sandbox
def test_a_private_key_among_the_files_that_are_shown_cannot_be_read(answer, tmp_path, monkeypatch):
    libraries = tmp_path / "site-packages"
    libraries.mkdir()
    (libraries / "shown.txt").write_text("shown")
    key, signers = libraries / "maria.pem", tmp_path / "signers.json"
    add_signer(signers, "maria", make_private_key(key), ["pack", "promote"])
    monkeypatch.syspath_prepend(libraries)
    settings = {"DAYLIGHT_PRIVATE_KEY": str(key), "DAYLIGHT_SIGNERS_FILE": str(signers)}
    for path, told in ((libraries / "shown.txt", "shown"), (key, "PermissionError")):
        assert answer(TRYING.format(action=f"Path({str(path)!r}).read_text()"), **settings) == told


@needs_sandbox
def test_no_process_outside_is_seen_or_ended(answer):
    told = answer("here = sum(name.isdecimal() for name in os.listdir('/proc')), os.getpid() < 10")
    assert told == "(2, True)"


@needs_sandbox
def test_what_the_file_needs_is_there(answer, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "base.txt").write_text("hundred")
    (tmp_path / "here" / "mine.py").write_text("VALUE = 3")
    needed = f"""
        import numpy, sklearn
        here = len(os.sched_getaffinity(0)), Path({str(tmp_path / "files" / "base.txt")!r}).read_text()
    """
    assert answer(needed, "--files", tmp_path / "files") == f"({len(os.sched_getaffinity(0))}, 'hundred')"
