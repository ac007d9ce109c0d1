"""A real server that speaks S3, a bucket for each test, and hosts that follow the store in it."""

import itertools

import pytest

from service.settings import Settings
from service.store.remote.objects import objects_at
from service.store.versions import Store
from tests.support.s3_server import s3_server

numbers = itertools.count()


@pytest.fixture(scope="package")
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
