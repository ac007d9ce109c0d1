"""A model is served only by the release of the library that packed it."""

from importlib.metadata import version

import pytest

from service.errors import VersionMismatch
from service.models.runtimes.library_versions import DISTRIBUTIONS, check_needs, needed, same_release


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


def test_another_release_is_refused_and_every_library_named_with_a_way_out():
    """Installing another scikit-learn was advised, beside which nothing else of the service works."""
    with pytest.raises(VersionMismatch) as refused:
        check_needs({"sklearn": "0.1.0", "lightgbm": "0.2.0"}, allow=False)
    about_sklearn, about_lightgbm = str(refused.value).split("; ")
    assert "packed with scikit-learn 0.1.0 and " in about_sklearn
    assert "pip install" not in about_sklearn
    assert "pip install lightgbm==0.2.0" in about_lightgbm


def test_an_absent_library_is_named_with_its_release(monkeypatch):
    monkeypatch.setitem(DISTRIBUTIONS, "skrub", ("no-such-library",))
    with pytest.raises(VersionMismatch, match=r"pip install no-such-library==0\.5"):
        check_needs({"skrub": "0.5"}, allow=True)


@pytest.mark.parametrize(("packed", "allow"), [("0.1.0", True), (version("scikit-learn"), False)])
def test_an_allowed_and_the_installed_release_pass(packed, allow):
    check_needs({"sklearn": packed}, allow=allow)


def test_what_is_needed_follows_from_the_names_that_a_file_imports():
    names = ["sklearn.svm._classes.SVC", "xgboost.core.Booster", "numpy.dtype"]
    assert needed(names) == {"sklearn": version("scikit-learn"), "xgboost": version("xgboost-cpu")}
