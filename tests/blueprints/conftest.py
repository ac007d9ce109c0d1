"""One server for all browser tests of the pages."""

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from tests.support.page_models import page_store


@pytest.fixture(scope="session")
def page_url(tmp_path_factory):
    """The URL of a server with the models of tests.support.page_models; leave it as you found it."""
    with live_server(page_store(tmp_path_factory.mktemp("pages"))) as url:
        for name in ("tiny", "visits", "wide", "plans"):
            # A model that is slow to load does not keep the server from being ready.
            path = f"{url}/models/{name}"
            eventually(lambda path=path: requests.get(path, timeout=30).ok, what=f"{name} being loaded")
        yield url
