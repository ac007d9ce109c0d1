"""The commands with a store in S3: what they take and push, and what they say where it cannot be reached."""

import re

import joblib
import requests
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression

from service.cli import main
from service.settings import Settings
from service.store.about import change_about, read_about
from service.store.remote.objects import objects_at
from service.store.versions import Store
from tests.support.stores import add_small, add_three


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
