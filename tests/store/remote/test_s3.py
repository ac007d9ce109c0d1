"""A store in S3, against a real server that speaks it: two hosts, two processes, kills, damage, and what is refused."""

import contextlib
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import fsspec
import joblib
import pytest
import requests
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression

from benchmarks.support.serving import ROOT
from service.cli import main
from service.errors import StartupError, StoreChanged
from service.settings import Settings
from service.store.about import change_about, read_about
from service.store.key_pairs import add_signer, make_private_key
from service.store.manifest import Manifest
from service.store.remote import copying, publishing
from service.store.remote.mirror import Mirror
from service.store.remote.objects import Objects, objects_at
from service.store.shadow import Shadow, end_shadow, read_shadow, set_shadow
from service.store.signature import Keys
from service.store.versions import Store
from tests.support.s3_server import s3_server
from tests.support.stores import add_small

numbers = itertools.count()


@pytest.fixture(scope="module")
def s3():
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3, monkeypatch):
    """The name of a bucket of its own for each test; the store is at prod/ in it."""
    objects_at.cache_clear()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    name = f"models-{next(numbers)}"
    s3.bucket(name)
    return name


@pytest.fixture
def host(bucket, tmp_path):
    """host("a"): the store as a command on the host a opens it."""

    def opened(name, **settings):
        return Store.of(Settings(store=f"s3://{bucket}/prod", store_cache=tmp_path / name, **settings))

    return opened


def fill(draft):
    """Three files, 0.bin to 2.bin."""
    for number in range(3):
        (draft.folder / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})


def add_three(store, *, promote=False):
    with store.adding("m", promote=promote) as draft:
        fill(draft)


def test_what_one_host_packs_and_promotes_another_one_has(host):
    one = host("one")
    add_small(one)
    add_small(one)
    two = host("two")
    assert (two.versions("m"), two.current("m")) == (["1", "2"], "2")
    two.open("m", "1").verify()
    two.open("m").verify()
    two.promote("m", "1", "slow on Mondays")
    assert host("one").current("m") == "1"
    assert host("one").rollback("m") == "2"
    assert host("two").current("m") == "2"
    last = host("two").history_of("m").receipts()[-1]
    assert (last.number, last.what, last.before, last.current) == (6, "rollback", "1", "2")


def test_a_version_comes_when_it_is_asked_for_and_its_name_is_never_used_again(host, s3, bucket):
    one = host("one")
    for _ in range(3):
        add_small(one)
    two = host("two")
    assert not (two.root / "m" / "1").exists()
    assert two.next_version("m") == "4"
    two.remove("m", "1")  # it was never here
    two.open("m", "2").verify()
    assert not [name for name in s3.names(bucket) if "/versions/1-" in name]
    one = host("one")
    assert (one.versions("m"), (one.root / "m" / "1").exists()) == (["2", "3"], False)
    add_small(one)
    assert host("two").versions("m") == ["2", "3", "4"]


def test_descriptions_and_shadows_are_followed(host):
    one = host("one")
    add_small(one)
    add_small(one)
    change_about(one.root, "m", {"description": "Who leaves"})
    set_shadow(one, "m", "1", 0.5)
    two = host("two")
    assert read_about(two.root / "m") == {"description": "Who leaves"}
    assert read_shadow(two.root / "m") == Shadow("1", 0.5)
    end_shadow(two, "m")
    assert read_shadow(host("one").root / "m") is None


def test_of_two_promotions_at_once_one_is_told_who_was_quicker(host):
    one = host("one")
    for _ in range(3):
        add_small(one)
    two = host("two")
    one.promote("m", "1")
    with pytest.raises(
        StoreChanged, match=r"m was changed meanwhile \(.+@.+ did 'promote 1' at .+\), and 'promote 2' was"
    ):
        two.promote("m", "2")
    assert two.current("m") == "3"
    two = host("two")
    two.promote("m", "2")
    assert host("one").current("m") == "2"


def test_hosts_that_pack_at_once_get_versions_of_their_own(host):
    stores = [host("one"), host("two"), host("three")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(add_three, stores))  # not promoted: of promotions at once all but one would be refused
    last = host("one")
    assert sorted(last.versions("m")) == ["1", "2", "3"]
    for version in last.versions("m"):
        last.open("m", version).verify()


def test_a_name_is_packed_once(host):
    one, two = host("one"), host("two")
    add_small(one, version="spring")
    with pytest.raises(ValueError, match="was packed by another host meanwhile"), two.adding("m", "spring") as draft:
        fill(draft)
    assert host("two").versions("m") == ["spring"]
    with pytest.raises(ValueError, match="has a version spring already"), host("three").adding("m", "spring"):
        pass


def test_two_processes_that_start_at_once_share_what_one_of_them_brings(host, bucket, tmp_path):
    add_small(host("one"), payload=os.urandom(2**20))
    environment = os.environ | {"DAYLIGHT_STORE_CACHE": str(tmp_path / "two")}
    command = [sys.executable, "-m", "service.server.store_follower", f"s3://{bucket}/prod"]
    both = [
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    assert sum(err.count("bringing m version 1") for _, err in told) == 1
    host("two").open("m").verify()


def killed(monkeypatch, method, after):
    """Let this process be killed, as far as the store can tell, before the call that follows `after` calls."""
    left, real = [after], getattr(Objects, method)

    def call(*arguments):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
        return real(*arguments)

    monkeypatch.setattr(Objects, method, call)


def in_a_process(act):
    """Call act() in a process of its own; returns its exit code. The clients' threads stay behind a fork."""
    pid = os.fork()
    if pid == 0:
        objects_at.cache_clear()
        fsspec.asyn.reset_lock()
        fsspec.asyn.iothread[0] = fsspec.asyn.loop[0] = None
        with contextlib.suppress(Exception):
            act()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(("method", "after"), [("upload", 2), ("write", 0), ("create", 2)])
def test_a_process_that_is_killed_while_it_publishes_leaves_nothing_that_others_see(host, monkeypatch, method, after):
    add_small(host("one"))

    def act():
        killed(monkeypatch, method, after)
        add_three(host("two"), promote=True)

    assert in_a_process(act) == 9
    three = host("three")
    assert (three.versions("m"), three.current("m")) == (["1"], "1")
    add_three(three)
    host("one").open("m", three.versions("m")[-1]).verify()


def test_what_was_uploaded_for_nothing_is_deleted_a_day_later(host, s3, bucket, monkeypatch):
    add_small(host("one"))
    s3.put(bucket, "prod/m/versions/7-0123456789ab/file.bin", b"half")
    add_small(host("one"))
    assert "prod/m/versions/7-0123456789ab/file.bin" in s3.names(bucket)
    monkeypatch.setattr(publishing, "ABANDONED", -1.0)
    add_small(host("one"))
    assert not [name for name in s3.names(bucket) if "/7-" in name]
    host("two").open("m", "1").verify()


def test_a_download_that_was_killed_goes_on_where_it_was(host, monkeypatch):
    add_three(host("one"), promote=True)

    def act():
        killed(monkeypatch, "download", 2)
        host("two")

    assert in_a_process(act) == 9
    brought = []
    real = Objects.download
    monkeypatch.setattr(Objects, "download", lambda *given: brought.append(given[1]) or real(*given))
    two = host("two")
    assert [name.rpartition("/")[2] for name in brought] == ["2.bin"]
    two.open("m").verify()


def test_a_promotion_does_not_wait_for_all_the_versions_that_are_brought(host, bucket, monkeypatch):
    """Ten versions were to be brought in one go, and what was promoted meanwhile came after the tenth."""
    one = host("one")
    for _ in range(4):
        add_small(one)
    follower = Mirror(f"s3://{bucket}/prod", one.root.parents[1] / "two", Keys())
    follower.pull()
    seen, real = [], Objects.download

    def download(self, name, path):
        seen.append((name.split("/")[-2][0], Store(follower.root).current("m")))
        if len(seen) == 1:
            one.promote("m", "1")
        real(self, name, path)

    monkeypatch.setattr(Objects, "download", download)
    assert follower.pull(everything=True) == {}
    assert seen == [("3", "4"), ("1", "4"), ("2", "1")]
    assert Store(follower.root).versions("m") == ["1", "2", "3", "4"]


def test_what_was_damaged_is_refused_by_its_digest(host, s3, bucket, monkeypatch):
    one = host("one")
    add_three(one, promote=True)
    host("two")
    add_three(one, promote=True)
    (damaged,) = [name for name in s3.names(bucket) if "/versions/2-" in name and name.endswith("1.bin")]
    s3.put(bucket, damaged, b"damaged")
    follower = Mirror(f"s3://{bucket}/prod", one.root.parents[1] / "two", Keys())
    told = r"1\.bin has sha256 .+, its manifest says .+: it was damaged"
    assert re.search(told, follower.pull(everything=True)["m"])
    here = Store(follower.root)
    assert (here.versions("m"), here.current("m")) == (["1"], "2")  # a server refuses it, and stays at 1
    stamp = here.stamps()
    s3.put(bucket, damaged, bytes([1]) * 1000)
    assert re.search(told, follower.pull()["m"])  # it is not downloaded at each look
    monkeypatch.setattr(copying, "DAMAGED", 0.0)
    assert (follower.pull(), follower.pull()) == ({}, {})
    assert here.stamps() != stamp  # it is told to look again
    here.open("m").verify()


def test_a_damaged_version_is_rolled_back_from_a_host_that_never_had_another(host, s3, bucket, caplog):
    one = host("one")
    add_three(one, promote=True)
    add_three(one, promote=True)
    add_small(one, "n")
    (damaged,) = [name for name in s3.names(bucket) if "/versions/2-" in name and name.endswith("1.bin")]
    s3.delete(bucket, damaged)
    two = host("two")
    assert f"s3://{bucket}/{damaged} is not there" in caplog.text
    two.open("n").verify()
    assert two.rollback("m") == "1"
    assert host("three").current("m") == "1"


def test_a_manifest_that_names_a_file_outside_is_refused(host, s3, bucket, caplog):
    """Also where whoever can write to the bucket has written a receipt that fits it."""
    one = host("one")
    add_small(one)
    (line,) = [each for each in one.history_of("m").receipts() if each.what == "promote"]
    manifest = one.open("m").manifest
    evil = json.dumps(asdict(manifest) | {"files": {"../../../evil": manifest.files["file.bin"]}}).encode()
    digest = hashlib.sha256(evil).hexdigest()
    receipt = replace(line, number=3, previous=line.digest, manifest=digest)
    s3.put(bucket, "prod/m/log/00000003.json", receipt.to_json().encode())
    s3.put(bucket, f"prod/m/versions/1-{digest[:12]}/manifest.json", evil)
    host("two")
    assert "names '../../../evil', outside it" in caplog.text
    named = replace(line, number=3, previous=line.digest, version="../../evil")
    s3.put(bucket, "prod/m/log/00000003.json", named.to_json().encode())
    host("three")
    assert "names '../../evil', which is no version" in caplog.text
    assert not list(one.root.parents[1].rglob("*evil*"))


def test_an_older_or_another_copy_of_the_store_is_noticed(host, s3, bucket, caplog):
    one = host("one")
    add_small(one)
    add_small(one)
    s3.delete(bucket, "prod/m/log/00000004.json")
    host("one")
    assert "entry 4 of the history of m was seen before, and is gone at s3://" in caplog.text
    s3.put(bucket, "prod/m/log/00000004.json", b"{}")
    assert host("one").current("m") == "2"
    assert "entry 4 of the history of m was seen before, and is another one at s3://" in caplog.text


def test_a_receipt_that_no_signer_wrote_is_not_followed(host, tmp_path, caplog):
    public = make_private_key(tmp_path / "maria")
    add_signer(tmp_path / "signers", "maria", public, ["pack", "promote"])
    signed = {"signers_file": str(tmp_path / "signers")}
    one = host("one", private_key=str(tmp_path / "maria"), **signed)
    add_small(one)
    add_small(one)
    assert host("two", **signed).current("m") == "2"
    host("three").promote("m", "1")
    assert host("two", **signed).current("m") == "2"
    assert "is not signed" in caplog.text


def test_an_answer_that_was_lost_is_no_refusal(bucket, monkeypatch):
    """The client sent a receipt again, since no answer came, and was told that the receipt is there already."""
    objects = objects_at(f"s3://{bucket}/prod")
    assert objects.create("m/log/1", b"mine")
    assert objects.create("m/log/1", b"mine")
    assert not objects.create("m/log/1", b"another's")


def test_a_server_that_overwrites_what_it_is_told_to_create_is_refused(host, monkeypatch):
    add_small(host("one"))
    objects_at.cache_clear()
    monkeypatch.setattr(Objects, "create", lambda self, name, content: self.write(name, content) or True)
    with pytest.raises(StartupError, match="cannot be changed safely: its server overwrites"):
        host("one").promote("m", "1")


def run(*arguments):
    ran = CliRunner().invoke(main, list(map(str, arguments)))
    return ran.exit_code, ran.output


def test_what_cannot_be_reached_is_told_in_a_sentence(host, s3, bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("DAYLIGHT_STORE_CACHE", str(tmp_path / "one"))
    assert run("models", "--store", "s3://nowhere/prod") == (
        1,
        "Error: s3://nowhere/prod cannot be reached: there is no bucket nowhere; make it first\n",
    )
    code, said = run("models", "--store", f"ftp://{bucket}/prod")
    assert (code, "expected a folder, or a URL: s3://bucket/folder" in said) == (2, True)
    objects_at.cache_clear()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    code, said = run("models", "--store", f"s3://{bucket}/prod")
    assert (code, "cannot be listed: Unable to locate credentials\n" in said) == (1, True)
    objects_at.cache_clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    requests.post(f"{s3.url}/moto-api/reset-auth", data="0", timeout=10)
    try:
        code, said = run("models", "--store", f"s3://{bucket}/prod")
    finally:
        requests.post(f"{s3.url}/moto-api/reset-auth", data="inf", timeout=10)
    assert code == 1
    assert re.fullmatch(r"Error: s3://\S+ cannot be listed with the credentials found here: .+\n", said)
    objects_at.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    code, said = run("models", "--store", f"s3://{bucket}/prod")
    assert (code, said.count("\n"), "Could not connect to the endpoint" in said) == (1, 1, True)


def test_the_commands_of_a_store_take_a_url(host, bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("DAYLIGHT_STORE_CACHE", str(tmp_path / "one"))
    monkeypatch.setenv("DAYLIGHT_STORE", f"s3://{bucket}/prod")
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [1.0, 1.0]), tmp_path / "m.joblib")
    (tmp_path / "rows.csv").write_text("x0\n0\n1\n")
    pack = ["pack", tmp_path / "m.joblib", "--data", tmp_path / "rows.csv", "--description", "Always one"]
    assert run(*pack)[0] == 0
    assert run(*pack, "--no-sandbox")[0] == 0
    two = host("two")
    assert (two.current("m"), read_about(two.root / "m")) == ("2", {"description": "Always one"})
    for command in (
        ["promote", "m", "1"],
        ["rollback", "m"],
        ["verify"],
        ["models"],
        ["history", "m"],
        ["describe", "m"],
    ):
        code, said = run(*command)
        assert code == 0, said
    assert run("predict", "m", tmp_path / "rows.csv", "-o", tmp_path / "scored.csv")[0] == 0
    assert host("two").current("m") == "2"
    assert run("remove", "m", "1", "--yes") == (1, "Error: m version 1 served before version 2, and is the way back\n")


def test_a_store_of_this_machine_is_pushed_with_its_history(host, s3, bucket, tmp_path):
    local = Store(tmp_path / "local")
    for _ in range(3):
        add_small(local)
    local.promote("m", "2", "quicker")
    local.remove("m", "1")
    change_about(local.root, "m", {"owner": "crm"})
    push = ["push", f"s3://{bucket}/prod", "--store", local.root]
    assert run(*push) == (0, f"m: 8 new entries of its history are at s3://{bucket}/prod\n")
    one = host("one")
    assert (one.versions("m"), one.history("m")) == (["2", "3"], local.history("m"))
    assert one.history_of("m").receipts() == local.history_of("m").receipts()
    assert read_about(one.root / "m") == {"owner": "crm"}
    one.open("m").verify()
    add_small(local)
    assert run(*push, "m") == (0, f"m: 2 new entries of its history are at s3://{bucket}/prod\n")
    assert host("one").current("m") == "4"
    host("one").promote("m", "3")
    code, said = run(*push)
    assert (code, "has another history of m from entry 11 on, and nothing was pushed" in said) == (1, True)
    (local.root / "m" / "4" / "file.bin").write_bytes(b"damaged")
    code, said = run("push", f"s3://{bucket}/other", "--store", local.root)
    assert (code, "has sha256" in said) == (1, True)
    assert not [name for name in s3.names(bucket) if name.startswith("other/m/log")]
    code, said = run("push", "oci://here/models:v1", "--store", local.root)
    assert (code, "expected s3://bucket/folder" in said) == (1, True)


def test_what_is_in_one_store_elsewhere_is_pushed_into_another(host, bucket, tmp_path, monkeypatch):
    add_three(host("one"), promote=True)
    add_three(host("one"), promote=True)
    monkeypatch.setenv("DAYLIGHT_STORE_CACHE", str(tmp_path / "two"))
    assert run("push", f"s3://{bucket}/staging", "--store", f"s3://{bucket}/prod")[0] == 0
    staging = Store.of(Settings(store=f"s3://{bucket}/staging", store_cache=tmp_path / "three"))
    assert (staging.versions("m"), staging.current("m")) == (["1", "2"], "2")
    staging.open("m", "1").verify()
