"""Keys in a file, and an application that asks for them."""

import pytest

from service.app import create_app
from service.settings import Settings
from service.web.access import api_keys
from tests.support.access import SCOPES


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """{name: a key}, and the file they are in."""
    file = str(tmp_path_factory.mktemp("keys") / "keys.json")
    made = {name: api_keys.add(file, name, scopes) for name, scopes in SCOPES.items()}
    return made | {"file": file, "nobody": "dl_nobody"}


@pytest.fixture(scope="module")
def app(tabular_store, given):
    return create_app(Settings(store=tabular_store, keys_file=given["file"]))
