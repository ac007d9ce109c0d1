"""The store after kills, on a full or read-only disk, and under two writers at once: it serves, and nothing is lost."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from benchmarks.support.serving import ROOT
from service.cli import main
from service.errors import StartupError
from service.store.key_pairs import add_signer, make_private_key
from service.store.manifest import Manifest
from service.store.seen import Seen
from service.store.signature import Keys
from service.store.versions import Store
from tests.support.kill_at import killed_at_each_write
from tests.support.stores import add_small

ACTIONS = {
    "pack": lambda store: add_small(store),
    "pack a new model": lambda store: add_small(store, "n"),
    "promote": lambda store: store.promote("m", "1"),
    "rollback": lambda store: store.rollback("m"),
    "remove": lambda store: store.remove("m", "1"),
}


@pytest.fixture(params=["plain", "signed"])
def keys(tmp_path, request):
    if request.param == "plain":
        return Keys()
    add_signer(tmp_path / "signers", "maria", make_private_key(tmp_path / "maria"), ["pack", "promote"])
    return Keys(private=tmp_path / "maria", signers=tmp_path / "signers")


@pytest.fixture
def three(tmp_path, keys):
    """A store with versions 1, 2 and 3 of `m`."""
    store = Store(tmp_path / "three", keys)
    for _ in range(3):
        add_small(store)
    return store


def check(store):
    """Every model has a current version, and all versions that can be seen are whole."""
    assert "m" in store.models()
    for model in store.models():
        store.open(model).verify()
        for version in store.versions(model):
            store.open(model, version).verify()
        assert set(store.history(model)) <= {"1", "2", "3", "4"}


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("action", ACTIONS)
def test_a_kill_at_any_write_leaves_a_store_that_serves(three, tmp_path, action, keys):
    store = Store(tmp_path / "killed", keys)

    def prepare():
        store.keys.seen = Seen()  # or the older copy would be refused
        shutil.rmtree(store.root, ignore_errors=True)
        shutil.copytree(three.root, store.root)

    kills = 0
    for _, finished in killed_at_each_write(lambda: ACTIONS[action](store), prepare):
        kills += not finished
        check(store)
        before = store.current("m")
        assert before in ({"2", "3"} if action == "rollback" else {"1", "3"} if action == "promote" else {"3", "4"})
        ACTIONS["pack"](store)  # whoever comes next is not held up by what is left
        check_next(store)
    assert kills >= 3


def check_next(store):
    store.open("m").verify()
    assert int(store.current("m")) >= 4


def test_packs_at_once_get_a_version_each(tmp_path):
    """Eight processes: all of them used to take the same number, and five failed."""
    code = (
        "import sys, time; from tests.support.stores import add_small; from service.store.versions import Store;"
        "store = Store(sys.argv[1]); print('ready', flush=True); sys.stdin.readline(); add_small(store)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda process: process.communicate("go\n"), processes))
    assert [process.returncode for process in processes] == [0] * 8
    store = Store(tmp_path / "store")
    numbers = [str(number) for number in range(1, 9)]
    assert sorted(store.versions("m")) == numbers
    assert sorted(store.history("m")) == numbers  # and no promotion was lost
    assert sorted(path.name for path in (tmp_path / "store" / "m").iterdir()) == [*numbers, "current", "history"]


def test_one_version_packed_twice_at_once_is_refused_once(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="m has a version spring already"), store.adding("m", "spring") as draft:
        draft.manifest = Manifest(draft.model, draft.version, "tabular", {}, {"columns": []})
        add_small(store, version="spring")
    store.open("m", "spring").open("file.bin").close()
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["current", "history", "spring"]


@contextlib.contextmanager
def small_files():
    """As on a full disk: no file of this process may grow beyond some kilobytes.

    For a moment only: pytest itself may be writing to a larger file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("model", ["m", "n"])
def test_what_cannot_be_written_is_told_and_leaves_nothing(three, model):
    before = sorted(three.root.rglob("*"))
    told = "the store .* cannot be written: a file would be larger"
    with pytest.raises(StartupError, match=told), small_files():
        add_small(three, model)
    assert sorted(three.root.rglob("*")) == before
    check(three)


def test_a_failed_promotion_of_what_was_packed_leaves_nothing(three, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    before = sorted(three.root.rglob("*"))
    monkeypatch.setattr("service.store.receipts.atomic_write", full)
    with pytest.raises(StartupError, match="cannot be written: no space is left on its disk"):
        add_small(three)
    assert sorted(three.root.rglob("*")) == before


@pytest.fixture
def read_only(three):
    """The store of `three` on a read-only mount; where that takes privileges, in folders that may not be written."""
    mounted = [["mount", "--bind", three.root, three.root], ["mount", "-o", "remount,ro,bind", three.root]]
    if all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in mounted):
        yield three
        subprocess.run(["umount", three.root], check=True)
        return
    subprocess.run(["umount", three.root], capture_output=True, check=False)
    if os.getuid() == 0:
        pytest.skip("root may write everywhere, and cannot mount here")
    folders = [three.root, three.root / "m"]
    for folder in folders:
        folder.chmod(0o555)
    yield three
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_read_only_store_is_told_in_a_sentence_and_can_be_read(read_only, action):
    with pytest.raises(StartupError, match=r"the store \S+ cannot be written: it "):
        ACTIONS[action](read_only)
    check(read_only)


@pytest.mark.parametrize("arguments", [("promote", "m", "1"), ("rollback", "m"), ("remove", "m", "1", "--yes")])
@pytest.mark.parametrize("keys", ["plain"], indirect=True)
def test_the_commands_say_one_sentence_of_a_read_only_store(read_only, arguments, monkeypatch):
    monkeypatch.setattr("service.cli.promotion.compare", lambda *_: None)  # the small versions cannot be loaded
    found = CliRunner().invoke(main, [*arguments, "--store", str(read_only.root)])
    assert found.exit_code == 1
    assert "cannot be written: it " in found.output
    assert len(found.output.strip().splitlines()) == 1
