"""A store in S3 where processes are killed, objects are damaged or exchanged, and answers are lost."""

import contextlib
import hashlib
import json
import os
import re
from dataclasses import asdict, replace

import fsspec
import pytest

from service.errors import StartupError
from service.store.key_pairs import add_signer, make_private_key
from service.store.remote import copying, publishing
from service.store.remote.mirror import Mirror
from service.store.remote.objects import Objects, objects_at
from service.store.signature import Keys
from service.store.versions import Store
from tests.support.stores import add_small, add_three


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
