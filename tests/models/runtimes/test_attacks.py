"""What a model may hold: functions and classes that run code, open files or spawn when they are used are refused.

Nothing of these files is called while they are opened. Each keeps a function or a class where an estimator would call
it: in packing's own proof, or at the first request.
"""

import io
import pickle
from functools import partial as partial_of

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from click.testing import CliRunner
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from service.cli import main
from service.models.runtimes import pickles, skops_files
from service.packing import pack_file
from service.packing.pickle_file import contents
from tests.support.pickle_writer import Call, Name, New, dumps, partial

X, Y = load_iris(return_X_y=True, as_frame=True)

TRANSFORMER = "sklearn.preprocessing._function_transformer:FunctionTransformer"
TEXT = "sklearn.feature_extraction.text"

# Where estimators keep what they call: {"Class.attribute": the class}.
HOLDERS = {
    "FunctionTransformer.func": TRANSFORMER,
    "FunctionTransformer.inverse_func": TRANSFORMER,
    "TransformedTargetRegressor.inverse_func": "sklearn.compose._target:TransformedTargetRegressor",
    "CountVectorizer.tokenizer": f"{TEXT}:CountVectorizer",
    "TfidfVectorizer.preprocessor": f"{TEXT}:TfidfVectorizer",
    "HashingVectorizer.analyzer": f"{TEXT}:HashingVectorizer",
    "KNeighborsClassifier.metric": "sklearn.neighbors._classification:KNeighborsClassifier",
    "SVC.kernel": "sklearn.svm._classes:SVC",
    "KernelPCA.kernel": "sklearn.decomposition._kernel_pca:KernelPCA",
    "SelectKBest.score_func": "sklearn.feature_selection._univariate_selection:SelectKBest",
    "GridSearchCV.scoring": "sklearn.model_selection._search:GridSearchCV",
    "_Scorer._score_func": "sklearn.metrics._scorer:_Scorer",
    "XGBClassifier.objective": "xgboost.sklearn:XGBClassifier",
    "LGBMRegressor.objective": "lightgbm.sklearn:LGBMRegressor",
    "vectorize.pyfunc": "numpy:vectorize",
}


def holding(holder, held):
    return New(HOLDERS[holder], {holder.partition(".")[2]: held})


# What no model may hold, by what it would do.
FUNCTIONS = [
    # evaluates text
    "pandas:DataFrame.eval",
    "pandas:DataFrame.query",
    "pandas:eval",
    "pandas.core.computation.eval:eval",
    "builtins:eval",
    "builtins:exec",
    "builtins:compile",
    "numpy.f2py.crackfortran:myeval",
    "sklearn.utils._testing:np.testing.rundocs",
    "scipy._lib._bunch:_make_tuple_bunch",
    # writes files, or reads the file that is named
    "numpy:save",
    "numpy:savez",
    "numpy:savetxt",
    "numpy:fromfile",
    "numpy:load",
    "numpy:loadtxt",
    "numpy:genfromtxt",
    "numpy:ndarray.tofile",
    "numpy:ndarray.dump",
    "pandas:DataFrame.to_csv",
    "pandas:DataFrame.to_pickle",
    "pandas:DataFrame.to_clipboard",
    "pandas:Series.to_json",
    "pandas:read_pickle",
    "pandas:read_csv",
    "pandas.io.common:get_handle",
    "scipy.io:savemat",
    "sklearn.datasets._base:load_files",
    "sklearn.datasets._svmlight_format_io:dump_svmlight_file",
    "joblib:dump",
    "joblib:load",
    # runs a function of its arguments, or reaches any attribute
    "functools:reduce",
    "operator:methodcaller",
    "operator:attrgetter",
    "builtins:getattr",
    "builtins:map",
    "numpy:apply_along_axis",
    "numpy:apply_over_axes",
    "numpy:frompyfunc",
    "numpy:fromfunction",
    "numpy:piecewise",
    "pandas:DataFrame.pipe",
    "pandas:DataFrame.apply",
    "pandas:DataFrame.agg",
    "pandas:Series.map",
    "pandas:DataFrame.transform",
    # spawns, imports or tests
    "os:system",
    "posix:system",
    "subprocess:check_output",
    "builtins:__import__",
    "importlib:import_module",
    "numpy:test",
    "scipy:test",
    "pandas:test",
    "sklearn.metrics._classification:np.save",
    "sklearn.metrics._classification:np.ndarray.tofile",
    "sklearn.base:warnings.sys.modules",
    "numpy.random:seed",
    "webbrowser:open",
    "socket:create_connection",
    # classes that do so when they are made, or when they are called
    "pandas:ExcelWriter",
    "pandas:HDFStore",
    "pandas.io.excel._base:ExcelFile",
    "pandas._libs.parsers:TextReader",
    "numpy._pytesttester:PytestTester",
    "numpy.lib._datasource:DataSource",
    "numpy.lib._stride_tricks_impl:DummyArray",
    "scipy._lib._util:MapWrapper",
    "scipy:LowLevelCallable",
    "sklearn.callback._scoring_monitor:ScoringMonitor",
    "xgboost.core:DMatrix",
    "xgboost.tracker:RabitTracker",
    "lightgbm.basic:Dataset",
    "joblib.memory:Memory",
    "joblib.parallel:Parallel",
    "subprocess:Popen",
    "ctypes:CDLL",
]


def refused(data):
    """The reasons for which a file is not opened; and it is not, whatever its listing says."""
    with pytest.raises(pickles.Refused):
        pickles.load(io.BytesIO(data))
    return contents(io.BytesIO(data)).refused()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_estimator_holds_no_function_that_does_more_than_compute(function):
    name = Name(function)
    dotted = f"builtins.{name.path[9:]}" if function.startswith("builtins:") else name.dotted
    for holder in HOLDERS:
        for held in (name, partial(name, "x")):
            reasons = refused(dumps(holding(holder, held)))
            assert list(reasons) == [dotted]
            assert f"(held by {holder})" in reasons[dotted]


def test_a_default_factory_and_a_nested_partial_are_seen():
    for held in (
        Call(Name("collections:defaultdict"), (Name("numpy:save"),)),
        partial(Name("numpy:clip"), partial(partial(Name("numpy:save"), "x"))),
        [{"steps": (Name("numpy:save"),)}],
    ):
        assert list(refused(dumps(holding("SVC.kernel", held)))) == ["numpy.save"]


def test_the_attack_is_real(tmp_path):
    """Without the gate, the function that a file keeps is called by the first prediction."""
    path = tmp_path / "written"
    state = FunctionTransformer().__getstate__() | {"func": partial(Name("numpy:savetxt"), str(path))}
    pickle.loads(dumps(New(TRANSFORMER, state))).transform(np.ones((1, 1)))
    assert path.exists()


def test_packing_names_the_function_and_its_holder(tmp_path):
    function = partial(Name("pandas:DataFrame.eval"), expr="@a.b")
    (tmp_path / "model.pkl").write_bytes(
        dumps(New("sklearn.pipeline:Pipeline", {"steps": [("one", holding("FunctionTransformer.func", function))]}))
    )
    X.to_csv(tmp_path / "rows.csv", index=False)
    options = ["--data", tmp_path / "rows.csv", "--store", tmp_path / "store"]
    ran = CliRunner().invoke(main, ["pack", *map(str, [tmp_path / "model.pkl", *options])])
    assert ran.exit_code == 1
    assert (
        "pandas.DataFrame.eval is a function that is not known to be safe in a model (held by FunctionTransformer.func)"
        in ran.output
    )
    assert "--trust pandas.DataFrame.eval" in ran.output
    assert not (tmp_path / "store").exists()


# --- state and constructors


def test_a_vectorizer_that_reads_the_files_callers_name_is_refused(tmp_path):
    """`input="filename"`: every text of a request is the path of a file, whose words the answer tells."""
    vectorizer = CountVectorizer(input="filename")
    vectorizer.fixed_vocabulary_ = False
    data = pickle.dumps(vectorizer)
    (reason,) = refused(data).values()
    assert reason.startswith("sklearn.feature_extraction.text.CountVectorizer.input = 'filename' reads the files")
    joblib.dump(CountVectorizer(input="file"), tmp_path / "v.pkl")
    with pytest.raises(ValueError, match="input = 'file' reads the files"):
        pack_file(tmp_path / "v.pkl", store=tmp_path / "store")


def test_the_same_state_in_a_skops_file_is_refused():
    data = skops.io.dumps(make_pipeline(CountVectorizer(input="filename"), LogisticRegression()))
    with pytest.raises(pickles.Refused, match="input = 'filename' reads the files"):
        skops_files.load(io.BytesIO(data))


def test_a_function_in_a_skops_file_is_refused():
    for function in (np.save, partial_of(pd.DataFrame.eval, expr="a"), pd.DataFrame.to_csv):
        with pytest.raises(pickles.Refused, match="types that are not trusted"):
            skops_files.load(io.BytesIO(skops.io.dumps(FunctionTransformer(function))))


def test_source_text_in_a_distribution_is_refused(tmp_path):
    """scipy executes `_parse_arg_template` when a distribution's state is set: while the file is opened."""
    state = stats.norm.__getstate__()
    sound = pickle.dumps(stats.norm)
    assert pickles.load(io.BytesIO(sound)).cdf(0.0) == 0.5
    path = tmp_path / "written"
    for source in (f"open({str(path)!r}, 'w')", state["_parse_arg_template"] + f"\nopen({str(path)!r}, 'w')"):
        evil = New("scipy.stats._continuous_distns:norm_gen", {"_parse_arg_template": source})
        (reason,) = refused(dumps(evil)).values()
        assert "is source text that scipy would execute" in reason
        as_pairs = New("scipy.stats._continuous_distns:norm_gen", [("_parse_arg_template", source)])
        assert "a state that is no dict" in next(iter(refused(dumps(as_pairs)).values()))
    assert not path.exists()


@pytest.mark.parametrize(
    ("path", "pairs"),
    [
        (f"{TEXT}:CountVectorizer", [("input", "filename")]),
        ("feature_engine.creation.math_features:MathFeatures", [("func", ["to_clipboard"])]),
    ],
)
def test_a_state_that_hides_from_its_rule_is_refused(path, pairs):
    """`__dict__.update` takes a list of pairs, and a rule that looks into dicts alone did not see it."""
    reasons = contents(io.BytesIO(dumps(New(path, pairs)))).refused()
    assert "is given a state that is no dict" in str(reasons)


@pytest.mark.parametrize("name", ["xgboost.core:Booster", "lightgbm.basic:Booster"])
def test_a_booster_is_not_made_from_the_name_of_a_file(name):
    (reason,) = refused(dumps(Call(Name(name), ((), "model.bin")))).values()
    assert "reads a file when it is made with arguments" in reason


@pytest.mark.parametrize("method", ["to_clipboard", "eval", "to_pickle"])
def test_names_of_methods_that_a_transformer_would_call_are_refused(method):
    evil = New("feature_engine.creation.math_features:MathFeatures", {"func": ["mean", method]})
    assert f"MathFeatures.func = '{method}' is called as a method of a frame" in str(
        contents(io.BytesIO(dumps(evil))).refused()
    )


# --- what real models hold


REAL = {
    "ufuncs": FunctionTransformer(np.log1p, inverse_func=np.expm1),
    "a function of numpy": FunctionTransformer(np.nan_to_num),
    "a function of pandas": FunctionTransformer(pd.to_numeric),
    "a function with arguments": FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 1.0}),
    "a pipeline": make_pipeline(FunctionTransformer(np.hstack), SVC(kernel="linear")),
    "a scorer": make_scorer(f1_score, average="macro"),
    "a search": RandomizedSearchCV(
        SVC(), {"C": stats.loguniform(0.1, 10), "gamma": stats.uniform(0, 1)}, scoring=make_scorer(f1_score)
    ),
    "a vectorizer": CountVectorizer(analyzer="char"),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_what_real_estimators_hold_passes(name, protocol):
    estimator = REAL[name]
    data = pickle.dumps(estimator, protocol=protocol)
    assert contents(io.BytesIO(data)).refused() == {}
    assert type(pickles.load(io.BytesIO(data))) is type(estimator)


def test_a_stored_memmap_is_read_as_a_plain_array(tmp_path):
    array = np.memmap(tmp_path / "array", dtype=float, mode="w+", shape=(3,))
    file = io.BytesIO()
    joblib.dump({"array": array}, file)
    file.seek(0)
    assert contents(file).refused() == {}
    assert type(pickles.load(file)["array"]) is np.ndarray
