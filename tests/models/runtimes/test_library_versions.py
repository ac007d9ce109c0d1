"""A model is served only by the release of the library that packed it."""

from importlib.metadata import version

import pytest

from service.errors import VersionMismatch
from service.models.runtimes.library_versions import check_library, same_release


@pytest.mark.parametrize(
    ("packed", "installed"),
    [("1.9rc1", "1.9.0"), ("1.9.0", "1.9.1"), ("1.9", "1.9.3"), ("1.9.0", "1.9.dev0"), ("2.4.6+local", "2.4.1")],
)
def test_same_release_agrees_in_major_and_minor(packed, installed):
    assert same_release(packed, installed)
    assert same_release(installed, packed)


@pytest.mark.parametrize(("packed", "installed"), [("1.9.0", "1.10.0"), ("1.9rc1", "1.8.9"), ("2.9.0", "1.9.0")])
def test_same_release_differs_in_major_or_minor(packed, installed):
    assert not same_release(packed, installed)


def test_same_release_of_a_text_that_is_not_a_version():
    assert same_release("unknown", "unknown")
    assert not same_release("unknown", "1.9.0")


def test_check_library_refuses_another_release_and_names_the_fix():
    with pytest.raises(VersionMismatch, match=r"pip install scikit-learn==0\.1\.0"):
        check_library("scikit-learn", "0.1.0", allow=False)


@pytest.mark.parametrize(("packed", "allow"), [(None, False), ("0.1.0", True), (version("scikit-learn"), False)])
def test_check_library_accepts_no_version_an_allowed_and_the_installed_one(packed, allow):
    check_library("scikit-learn", packed, allow=allow)
