"""Pickles of earlier releases: their private names pass the gate, and nothing beside them does."""

import contextlib
import io
import pickle
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer

from service.cli import main
from service.models.runtimes import pickles
from service.packing.pickle_file import contents
from tests.models.runtimes.old_names import OLD_NAMES
from tests.support.pickle_writer import Call, Name, New, dumps

GETATTR = Name("builtins:getattr")
SEARCH = "sklearn.model_selection._search:RandomizedSearchCV"
LOSS = "sklearn.linear_model._glm.glm:GammaRegressor"


def refused(data):
    return contents(io.BytesIO(data)).refused()


def opened(data):
    return pickles.load(io.BytesIO(data))


def distribution(name="bernoulli_gen"):
    """One of scipy's discrete distributions, without its state."""
    made = Name(f"scipy.stats._discrete_distns:{name}"), Name("builtins:object"), None
    return Call(Name("copyreg:_reconstructor"), made)


@pytest.mark.parametrize("path", OLD_NAMES)
def test_a_name_of_an_earlier_release_passes(path):
    data = dumps([Name(path)])
    assert refused(data) == {}
    # What is gone today is found missing by the import itself.
    with contextlib.suppress(AttributeError, ImportError):
        opened(data)


@pytest.mark.parametrize("path", [path for path in OLD_NAMES if "__pyx_unpickle" in path or path.endswith("_unpickle")])
def test_a_function_that_rebuilt_an_object_passes_when_it_is_called(path):
    assert refused(dumps(New(LOSS, {"_base_loss": Call(Name(path), (1, 2, ()))}))) == {}


def test_the_table_names_releases():
    for releases in OLD_NAMES.values():
        assert set(releases.split()) <= {f"1.{minor}" for minor in range(2, 9)}


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_loss_is_opened_by_the_name_of_scikit_learn_1_5(protocol):
    """Its compiled module called itself `_loss`, which was refused, and could not be imported where it was trusted."""
    data = dumps(New(LOSS, {"_base_loss": Call(Name("_loss:CyHuberLoss"), (1.5,))}))
    if protocol == 2:
        data = pickle.PROTO + b"\x02" + data[2:]
    assert contents(io.BytesIO(data)).imports == {LOSS.replace(":", "."), "sklearn._loss._loss.CyHuberLoss"}
    assert opened(data)._base_loss.delta == 1.5


NEIGHBOURS = [
    "_loss:system",
    "_loss:np.save",
    "_loss:CyHuberLoss.__reduce__",
    "_loss.os:system",
    "_losses:CyHuberLoss",
    "sklearn._loss._loss:np.save",
    "sklearn._loss.loss:np.save",
    "sklearn.metrics._scorer:np.save",
    "dateutil.relativedelta:calendar.sys.modules",
    "dateutil.tz.tz:tzfile",
    "dateutil.zoneinfo:ZoneInfoFile",
    "fnmatch:filter",
    "fnmatch:os.system",
    "zoneinfo:reset_tzpath",
    "builtins:str.format",
    "builtins:str.format_map",
    "pandas.io.pickle:read_pickle",
    "joblib.numpy_pickle:load",
    "lightgbm.engine:CVBooster",
]


@pytest.mark.parametrize("path", NEIGHBOURS)
def test_what_lies_beside_these_names_is_refused(path):
    data = dumps(New(SEARCH, {"scoring": Name(path)}))
    assert list(refused(data)) == [path.replace(":", ".")]
    with pytest.raises(pickles.Refused):
        opened(data)


# --- getattr: how pickles write a bound method, and a method of a class


def test_a_search_over_whole_numbers_passes():
    """`stats.randint` holds a bound method of its own; searches over whole numbers were refused."""
    method = Call(GETATTR, (distribution("randint_gen"), "_entropy"))
    data = dumps(New(SEARCH, {"param_distributions": {"n": New("numpy:vectorize", {"pyfunc": method})}}))
    assert refused(data) == {}
    assert opened(data).param_distributions["n"].pyfunc.__name__ == "_entropy"


@pytest.mark.parametrize("protocol", range(6))
def test_methods_that_real_estimators_hold_pass(protocol):
    rows = np.random.default_rng(0).random((60, 2))
    boosted = HistGradientBoostingRegressor(max_iter=2, early_stopping=True, scoring="r2").fit(rows, rows[:, 0])
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=3, tz=ZoneInfo("Europe/Oslo"))})
    for value in (TfidfVectorizer(tokenizer=str.split, preprocessor=str.casefold), boosted, frame):
        data = pickle.dumps(value, protocol=protocol)
        assert refused(data) == {}
        assert type(opened(data)) is type(value)


@pytest.mark.parametrize(
    ("owner", "attribute", "named"),
    [
        (Name("numpy:ndarray"), "tofile", "numpy.ndarray.tofile"),
        (Name("pandas:DataFrame"), "to_csv", "pandas.DataFrame.to_csv"),
        (Name("builtins:str"), "format", "builtins.str.format"),
        (Name("os:path"), "join", "os.path"),
        (Call(Name("pandas:DataFrame"), ()), "to_csv", "pandas.DataFrame.to_csv"),
        (distribution(), "rvs", "scipy.stats._discrete_distns.bernoulli_gen.rvs"),
        (distribution(), "__class__", "scipy.stats._discrete_distns.bernoulli_gen.__class__"),
        (New("sklearn.svm._classes:SVC"), "_entropy", "sklearn.svm._classes.SVC._entropy"),
        (Call(GETATTR, (Name("builtins:str"), "split")), "__get__", "builtins.str.split.__get__"),
    ],
)
def test_other_attributes_are_refused_by_their_own_name(owner, attribute, named):
    data = dumps(New(SEARCH, {"scoring": Call(GETATTR, (owner, attribute))}))
    assert named in refused(data)
    with pytest.raises(pickles.Refused):
        opened(data)


def test_a_method_is_neither_called_nor_changed_while_the_file_is_opened():
    method = Call(GETATTR, (distribution(), "_entropy"))
    for evil in (Call(method, (0.5,)), Call(GETATTR, method.arguments, {"x": 1}), Call(GETATTR, (), {"x": 1})):
        with pytest.raises((pickles.Refused, TypeError)):
            opened(dumps(evil))


def test_getattr_itself_reaches_no_model_however_deep_it_lies():
    """The gate gives an object that cannot be called in its place."""
    held = opened(dumps(New(SEARCH, {"scoring": [[[[[[GETATTR]]]]]]}))).scoring
    while isinstance(held, list):
        (held,) = held
    assert not callable(held)


# --- what the person who packs is told


def packed(folder, data):
    (folder / "old.pkl").write_bytes(data)
    pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}).to_csv(folder / "rows.csv", index=False)
    options = ["--data", folder / "rows.csv", "--store", folder / "store", "--no-sandbox"]
    ran = CliRunner().invoke(main, ["pack", *map(str, [folder / "old.pkl", *options])])
    assert ran.exit_code == 1
    assert not (folder / "store").exists()
    return ran.output


MADE = {"_sklearn_version": "1.2.2"}


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (
            [New(LOSS, MADE), Name("sklearn.ensemble._gb_losses:BinomialDeviance")],
            "it needs sklearn.ensemble._gb_losses.BinomialDeviance, which the installed sklearn does not have",
        ),
        ([New(LOSS, MADE), Call(Name("_loss:CyHuberLoss"), ("no number",))], "it cannot be opened"),
        (
            New("sklearn.impute._base:SimpleImputer", MADE | {"n_features_in_": 2}),
            "'SimpleImputer' object has no attribute",
        ),
    ],
    ids=["a name is gone", "an object cannot be made", "an attribute is missing"],
)
def test_a_file_of_another_release_is_refused_by_naming_it(tmp_path, file, why):
    """It said `carry your own: --code sklearn.ensemble._gb_losses.py`, or nothing of the release."""
    told = packed(tmp_path, dumps(file))
    assert why in told
    assert " was made with scikit-learn 1.2.2, and " in told.partition(why)[0]
    assert "fit and save it again" in told
    assert "pip install" not in told
    assert "Traceback" not in told


def test_a_name_that_another_package_dropped_is_told(tmp_path):
    told = packed(tmp_path, dumps([Name("pandas.core.indexes.numeric:Int64Index")]))
    assert (
        "it needs pandas.core.indexes.numeric.Int64Index, which the installed pandas does not have; install the" in told
    )
    assert "--code" not in told
