"""What tests of packing share."""

import pytest

from service.packing import compilation


@pytest.fixture(scope="module")
def any_speed():
    """A graph is kept where it is right, however quick: that depends on what else the machine does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "WORTHWHILE", 0.0)
        yield
