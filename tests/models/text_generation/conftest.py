"""A tiny real Llama: packed, loaded, and a copy of its version that a test may spoil."""

import shutil

import pytest

from service import models
from service.settings import Settings
from service.store.versions import Store
from tests.support.tiny_text import pack_tiny

SETTINGS = Settings(workers=1)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return pack_tiny(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def model(packed):
    return models.load(packed, SETTINGS)


@pytest.fixture
def copied(packed, tmp_path):
    """A version that a test may spoil."""
    shutil.copytree(packed.folder.parents[1], tmp_path, dirs_exist_ok=True)
    return Store(tmp_path).open("tiny")
