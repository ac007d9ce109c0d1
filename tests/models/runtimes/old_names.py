"""Names that earlier releases write into pickles and today's do not: {"module:name": the releases of scikit-learn}.

They were read from files that each of these releases wrote, with the numpy, scipy, pandas and joblib of its time.
Many are gone today: then the file is refused for its release, never for what it imports.
"""

__all__ = ["OLD_NAMES"]


def written(releases, module, names):
    return {f"{module}:{name}": releases for name in names.split()}


OLD_NAMES = {
    # scikit-learn's own
    **written(
        "1.2 1.3",
        "sklearn.ensemble._gb_losses",
        "BinomialDeviance ExponentialLoss HuberLossFunction LeastAbsoluteError LeastSquaresError MultinomialDeviance "
        "QuantileLossFunction",
    ),
    **written("1.2 1.3 1.4 1.5", "sklearn.linear_model._sgd_fast", "Huber Log SquaredLoss"),
    **written(
        "1.2 1.3 1.4",
        "sklearn._loss._loss",
        "__pyx_unpickle_CyAbsoluteError __pyx_unpickle_CyHalfBinomialLoss __pyx_unpickle_CyHalfGammaLoss "
        "__pyx_unpickle_CyHalfPoissonLoss __pyx_unpickle_CyHalfSquaredError __pyx_unpickle_CyPinballLoss",
    ),
    **written(
        "1.5",
        "_loss",
        "__pyx_unpickle_CyAbsoluteError __pyx_unpickle_CyExponentialLoss __pyx_unpickle_CyHalfBinomialLoss "
        "__pyx_unpickle_CyHalfGammaLoss __pyx_unpickle_CyHalfPoissonLoss __pyx_unpickle_CyHalfSquaredError "
        "__pyx_unpickle_CyHalfTweedieLoss __pyx_unpickle_CyHalfTweedieLossIdentity __pyx_unpickle_CyHuberLoss "
        "__pyx_unpickle_CyPinballLoss",
    ),
    **written("1.5 1.6 1.7 1.8", "_loss", "__pyx_unpickle_CyHalfMultinomialLoss"),
    **written(
        "1.5 1.6 1.7 1.8",
        "_loss",
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
        "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss",
    ),
    **written(
        "1.2",
        "sklearn.metrics._dist_metrics",
        "BrayCurtisDistance CanberraDistance ChebyshevDistance DiceDistance EuclideanDistance HammingDistance "
        "HaversineDistance JaccardDistance KulsinskiDistance MahalanobisDistance ManhattanDistance MatchingDistance "
        "MinkowskiDistance RogersTanimotoDistance RussellRaoDistance SEuclideanDistance SokalMichenerDistance "
        "SokalSneathDistance",
    ),
    **written("1.2", "sklearn.metrics._scorer", "_passthrough_scorer"),
    **written("1.2 1.3", "sklearn.metrics._scorer", "_PredictScorer _ProbaScorer _ThresholdScorer"),
    **written("1.5", "sklearn.model_selection._classification_threshold", "_CurveScorer"),
    **written("1.5 1.6", "sklearn.compose._column_transformer", "_RemainderColsList"),
    # of numpy < 2, scipy < 1.13 and pandas < 3
    **written("1.2", "numpy", "amax round_"),
    **written("1.2 1.3 1.4", "numpy", "recarray"),
    **written("1.2 1.3 1.4", "numpy.core.multiarray", "_reconstruct scalar"),
    **written("1.2 1.3 1.4", "numpy.core.numeric", "_frombuffer"),
    **written("1.2 1.3 1.4", "numpy.core._multiarray_umath", "absolute cbrt exp expm1 isnan log log1p sqrt square"),
    **written("1.5", "numpy._core._multiarray_umath", "absolute cbrt exp expm1 isnan log log1p sqrt square"),
    **written("1.2 1.3 1.4", "scipy.special._ufuncs", "erf expit logit xlogy"),
    **written("1.2", "scipy.sparse._arrays", "coo_array csc_array csr_array"),
    **written("1.2", "scipy.stats._continuous_distns", "gilbrat_gen skew_norm_gen"),
    **written("1.2", "pandas.core.indexes.numeric", "Float64Index Int64Index UInt64Index"),
    **written("1.2", "pandas.core.arrays.sparse.dtype", "SparseDtype"),
    **written("1.2", "pytz", "_UTC"),
    **written("1.2 1.3 1.4 1.5 1.6 1.7 1.8", "pytz", "_p"),
    **written("1.2 1.3 1.4 1.5 1.6 1.7 1.8", "pandas._libs.tslibs.nattype", "__nat_unpickle"),
    **written("1.2 1.3 1.4 1.5 1.6 1.7 1.8", "dateutil.relativedelta", "relativedelta"),
    # of category_encoders', skrub's and the others' releases of those years, only what moved or went
    **written("1.3", "skrub._gap_encoder", "GapEncoderColumn"),
    **written("1.5 1.6", "skrub._on_each_column", "OnEachColumn"),
    **written("1.5 1.6", "skrub._drop_if_too_many_nulls", "DropIfTooManyNulls"),
    **written("1.5 1.6", "skrub._selectors._base", "All And Cols Filter Sub"),
    **written("1.6", "skrub._table_vectorizer", "SimpleCleaner"),
}
