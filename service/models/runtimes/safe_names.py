"""The names that a pickle may import: which classes it may make and keep, and which functions it may keep or call.

`pickle_rules` reads these lists. A name is a place: it stands for itself and for all that is defined inside it, by its
object's own account; a re-export is judged as what it re-exports.
"""

import re

__all__ = [
    "CLASSES",
    "CLASS_NAMES",
    "FUNCTIONS",
    "GETATTR",
    "MEMMAP",
    "METHODS",
    "PACKAGES",
    "REBUILDING",
    "REFUSED",
    "STATE_ONLY",
    "ZONE",
]

# fmt: off
BUILTINS = (
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set",
    "slice", "str", "tuple",
)
# fmt: on

# The places whose classes may be made and kept.
CLASSES = (
    *(f"builtins.{name}" for name in BUILTINS),
    # Values of the standard library.
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "datetime",
    "dateutil.relativedelta.relativedelta",  # pandas' offsets of months and years hold one
    "decimal",
    "fractions",
    "functools.partial",
    "operator.itemgetter",
    "pytz",
    "uuid",
    "zoneinfo",
    # Arrays, their types, and random states.
    "joblib.numpy_pickle.NumpyArrayWrapper",
    "numpy.dtype",
    "numpy.dtypes",
    "numpy.ma",
    "numpy.matrix",
    "numpy.ndarray",
    "numpy.poly1d",
    "numpy.polynomial",
    "numpy.random",
    "numpy.rec.recarray",
    "numpy.record",
    "numpy.vectorize",
    "scipy.interpolate",
    "scipy.optimize._optimize.OptimizeResult",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.stats",
    # Frames, columns and their types.
    *(f"pandas.{name}" for name in ("DataFrame", "Series", "Categorical", "DateOffset", "Flags", "Interval", "NaT")),
    *(f"pandas.{name}" for name in ("Period", "Timedelta", "Timestamp")),
    "pandas._libs.arrays",
    "pandas._libs.internals",
    "pandas._libs.interval",
    "pandas._libs.missing",
    "pandas._libs.sparse",
    "pandas._libs.tslibs",
    "pandas.api.extensions",
    "pandas.api.typing",
    "pandas.arrays",
    "pandas.core.arrays",
    "pandas.core.dtypes",
    "pandas.core.flags",
    "pandas.core.frame",
    "pandas.core.indexes",
    "pandas.core.internals",
    "pandas.core.series",
    "pandas.tseries",
    # Estimators.
    "catboost",
    "category_encoders",
    "feature_engine",
    "imblearn",
    "lightgbm.basic.Booster",
    "lightgbm.callback",
    "lightgbm.compat",
    "lightgbm.sklearn",
    "skrub",
    "sklearn",
    "xgboost.callback",
    "xgboost.core.Booster",
    "xgboost.sklearn",
)

# Classes by the form of their name: types of numpy's scalars, pandas' indexes and types, arrow's columns.
CLASS_NAMES = re.compile(
    r"numpy\.(bool_?|str_|bytes_|void|object_|generic|datetime64|timedelta64|(u?int|float|complex)\w*|longdouble"
    r"|u?(byte|short|intc|intp|long|longlong)|half|single|double|csingle|cdouble|clongdouble)"
    r"|pandas\.\w*(Index|Dtype)"
    r"|pyarrow\.lib\.(?!.*Extension)\w*(Array|Type|Buffer|Field|Schema|Table|RecordBatch)"
)

# Inside those places: what opens files, starts processes, listens, fetches, evaluates, or only tests need.
REFUSED = (
    "catboost.core.Pool",
    "catboost.datasets",
    "catboost.eval",
    "catboost.utils",
    "category_encoders.datasets",
    "feature_engine.datasets",
    "imblearn.datasets",
    "imblearn.keras",
    "imblearn.tensorflow",
    "imblearn.utils.testing",
    "numpy.random._examples",
    "scipy.stats._distr_params",
    "skrub._data_ops",  # names of attributes and methods to follow are data in them
    "skrub._reporting",
    "skrub._text_encoder",  # loads a checkpoint by its name
    "skrub.datasets",
    "sklearn._build_utils",
    "sklearn.callback",  # listens on a socket when its state is set
    "sklearn.conftest",
    "sklearn.datasets",
    "sklearn.externals",
    "sklearn.utils._mocking",
    "sklearn.utils._testing",
    "sklearn.utils.estimator_checks",
)

# Made by `__new__` and their state alone, as pickles make them: their constructors read the file of an argument.
STATE_ONLY = ("xgboost.core.Booster", "lightgbm.basic.Booster")

# Packages whose names are looked at; any other name is refused without being imported.
PACKAGES = (
    *CLASSES,
    "_codecs.encode",
    "copyreg._reconstructor",
    "fnmatch.fnmatchcase",
    "lightgbm",
    "numpy",
    "pandas",
    "pyarrow.lib",
    "scipy",
    "xgboost",
)

# Functions that pickles of these packages call by right: they rebuild one object from plain values.
REBUILDING = re.compile(
    r"copyreg\._reconstructor|_codecs\.encode|pyarrow\.lib\.(py_buffer|type_for_alias)|pytz\.(_p|_UTC)"
    r"|.*\.(_reconstruct|_mareconstruct|_frombuffer|scalar|newObj|_restore_array|_new_\w*Index"
    r"|__\w+_ctor|__pyx_unpickle_\w+|_unpickle_\w+|_\w+_unpickle)"
)

# Makes a time zone from the system's file of that zone, by a key that it checks. It does not say where it is defined.
ZONE = "zoneinfo.ZoneInfo._unpickle"

# fmt: off
# Functions of numpy from arrays to an array: they run no function of their arguments and touch no file.
NUMPY = (
    "abs", "absolute", "all", "allclose", "amax", "amin", "angle", "any", "append", "argmax", "argmin",
    "argpartition", "argsort", "around", "array", "array_equal", "asanyarray", "asarray", "ascontiguousarray",
    "asfortranarray", "astype", "atleast_1d", "atleast_2d", "atleast_3d", "average", "bincount", "broadcast_to",
    "choose", "clip", "column_stack", "compress", "concat", "concatenate", "conjugate", "convolve", "copy",
    "corrcoef", "correlate", "count_nonzero", "cov", "cross", "cumprod", "cumsum", "cumulative_prod",
    "cumulative_sum", "delete", "diag", "diagonal", "diff", "digitize", "dot", "dstack", "ediff1d", "einsum",
    "expand_dims", "extract", "fix", "flatnonzero", "flip", "fliplr", "flipud", "full_like", "gradient",
    "heaviside", "histogram", "hsplit", "hstack", "i0", "imag", "in1d", "inner", "insert", "interp",
    "intersect1d", "isclose", "iscomplex", "isin", "isneginf", "isposinf", "isreal", "kron", "lexsort",
    "matrix_transpose", "max", "maximum", "mean", "median", "min", "minimum", "moveaxis", "nan_to_num",
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "nonzero", "ones_like",
    "outer", "partition", "percentile", "permute_dims", "polyval", "prod", "ptp", "put_along_axis", "quantile",
    "ravel", "real", "real_if_close", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90", "round",
    "row_stack", "searchsorted", "select", "setdiff1d", "shape", "sign", "signbit", "sinc", "size", "sort",
    "split", "squeeze", "stack", "std", "sum", "swapaxes", "take", "take_along_axis", "tensordot", "tile",
    "trace", "transpose", "trapezoid", "trapz", "tril", "trim_zeros", "triu", "union1d", "unique", "unwrap",
    "vander", "var", "vdot", "vsplit", "vstack", "where", "zeros_like",
)
SCIPY_SPECIAL = (
    "softmax", "log_softmax", "logsumexp", "expit", "logit", "multigammaln", "polygamma", "factorial", "comb",
    "perm", "zeta",
)
# fmt: on

FUNCTIONS = (
    *(f"numpy.{name}" for name in NUMPY),
    *(f"numpy.linalg.{name}" for name in ("norm", "det", "inv", "pinv", "matrix_power", "matrix_rank")),
    *(f"numpy.fft.{name}" for name in ("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "rfft2", "fftfreq")),
    *(f"pandas.{name}" for name in ("to_datetime", "to_numeric", "to_timedelta", "get_dummies", "factorize", "cut")),
    *(f"pandas.{name}" for name in ("qcut", "isna", "isnull", "notna", "notnull", "concat", "unique", "melt")),
    # scikit-learn's estimators hold these: scorers, criteria of selection, metrics and kernels, checks of input.
    "sklearn.cluster._kmeans",
    "sklearn.cluster._bisect_k_means",
    "sklearn.feature_selection",
    "sklearn.gaussian_process.kernels",
    "sklearn.manifold._t_sne",
    "sklearn.metrics",
    "sklearn.neural_network._base",
    *(
        f"sklearn.preprocessing._data.{name}"
        for name in ("add_dummy_feature", "binarize", "maxabs_scale", "minmax_scale", "normalize", "power_transform")
    ),
    *(f"sklearn.preprocessing._data.{name}" for name in ("quantile_transform", "robust_scale", "scale")),
    *(f"sklearn.utils.extmath.{name}" for name in ("safe_sparse_dot", "row_norms", "softmax", "stable_cumsum")),
    *(f"sklearn.utils.validation.{name}" for name in ("check_array", "column_or_1d", "as_float_array")),
    # scipy's ufuncs are known by their type; these are its plain functions.
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._interpolate.interp1d",
    *(f"scipy.special.{name}" for name in SCIPY_SPECIAL),
    "scipy.special._logsumexp",
    "scipy.stats._stats_py.zscore",
    *(f"scipy.spatial.distance.{name}" for name in ("euclidean", "cityblock", "cosine", "correlation", "jaccard")),
    *(f"scipy.spatial.distance.{name}" for name in ("chebyshev", "canberra", "braycurtis", "hamming", "minkowski")),
    *(f"scipy.stats._stats_py.{name}" for name in ("kendalltau", "pearsonr", "spearmanr")),
    # skrub's predicates of columns, which its selectors hold.
    "skrub._dataframe._common",
    "skrub._table_vectorizer._created_by_predicate",
    "skrub.selectors",
    "fnmatch.fnmatchcase",
    *(f"builtins.str.{name}" for name in ("split", "splitlines", "strip", "lower", "upper", "casefold", "title")),
    # What pickles call when they are opened.
    "_codecs.encode",
    "copyreg._reconstructor",
    "pyarrow.lib.py_buffer",
    "pyarrow.lib.type_for_alias",
    "pytz._UTC",
    "pytz._p",
)

# numpy.memmap opens a file when it is made; a stored array may have been one, and is read as a plain array.
MEMMAP = ("numpy.memmap", "numpy._core.memmap.memmap", "numpy.core.memmap.memmap")

# Pickles write a bound method as a call of getattr. These, of objects of these classes, only compute.
GETATTR = "builtins.getattr"
METHODS = {
    "scipy.stats._discrete_distns": ("_entropy",),  # each has it vectorized
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": ("_raw_predict",),  # early stopping by a scorer
}
