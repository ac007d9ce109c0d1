"""Fixtures of the client's tests."""

import pytest

from tests.support.client_server import GOOD, PREDICT, answering


@pytest.fixture
def server():
    """A tiny server whose model `m` answers predictions; a test may change `server.routes`."""
    with answering({PREDICT: GOOD}) as server:
        yield server
