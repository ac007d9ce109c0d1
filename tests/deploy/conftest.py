"""What takes minutes to make, once for all tests of deployment."""

import pytest

from tests.support.debian_roots import debian_roots


@pytest.fixture(scope="session")
def roots(tmp_path_factory):
    """The bare roots that images are built in."""
    return debian_roots(tmp_path_factory.mktemp("roots"))
