"""A store in S3, against a real server that speaks it: several hosts pack, promote and follow."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.support.serving import ROOT
from service.errors import StoreChanged
from service.store.about import change_about, read_about
from service.store.remote.mirror import Mirror
from service.store.remote.objects import Objects
from service.store.shadow import Shadow, end_shadow, read_shadow, set_shadow
from service.store.signature import Keys
from service.store.versions import Store
from tests.support.stores import add_small, add_three, fill


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
