"""Fitted scikit-learn objects as ONNX graphs: one function a family, registered by name below.

    g = Graph(width=30)
    answers = translate(g, estimator, g.input)     # {"predict": Tensor, "predict_proba": Tensor, ...}

A translation is the estimator's own arithmetic in float64, and is never trusted: what comes
out is compared with scikit-learn before it serves (`service.packing.equivalence`).

Conventions: a classifier's "predict" is the place of its label in `classes_`, int64 [rows];
every other answer is float64 [rows, width]. Several targets give a list of tensors.
"""

from pkgutil import resolve_name

from ...models.runtimes.boosters import BareBooster
from .sparse import Sparse
from .tables import Table, Untranslatable, tabulate

__all__ = ["TRANSLATORS", "Table", "Untranslatable", "public_name", "translate"]

# The public name of a class -> module.function here. Exact classes only: a subclass may answer otherwise.
TRANSLATORS = {
    "catboost.core.CatBoost": "catboost_trees.bare",
    "catboost.core.CatBoostClassifier": "catboost_trees.labels",
    "catboost.core.CatBoostRanker": "catboost_trees.bare",
    "catboost.core.CatBoostRegressor": "catboost_trees.numbers",
    "category_encoders.backward_difference.BackwardDifferenceEncoder": "encoders.encoded",
    "category_encoders.basen.BaseNEncoder": "encoders.encoded",
    "category_encoders.binary.BinaryEncoder": "encoders.encoded",
    "category_encoders.cat_boost.CatBoostEncoder": "encoders.encoded",
    "category_encoders.count.CountEncoder": "encoders.encoded",
    "category_encoders.count_target.CountTargetEncoder": "encoders.encoded",
    "category_encoders.gray.GrayEncoder": "encoders.encoded",
    "category_encoders.helmert.HelmertEncoder": "encoders.encoded",
    "category_encoders.james_stein.JamesSteinEncoder": "encoders.encoded",
    "category_encoders.leave_one_out.LeaveOneOutEncoder": "encoders.encoded",
    "category_encoders.m_estimate.MEstimateEncoder": "encoders.encoded",
    "category_encoders.one_hot.OneHotEncoder": "encoders.encoded",
    "category_encoders.ordinal.OrdinalEncoder": "encoders.encoded",
    "category_encoders.polynomial.PolynomialEncoder": "encoders.encoded",
    "category_encoders.quantile_encoder.QuantileEncoder": "encoders.encoded",
    "category_encoders.rankhot.RankHotEncoder": "encoders.encoded",
    "category_encoders.sum_coding.SumEncoder": "encoders.encoded",
    "category_encoders.target_encoder.TargetEncoder": "encoders.encoded",
    "category_encoders.woe.WOEEncoder": "encoders.encoded",
    "imblearn.ensemble.BalancedBaggingClassifier": "ensembles.bagged_labels",
    "imblearn.ensemble.BalancedRandomForestClassifier": "trees.forest_of_labels",
    "imblearn.ensemble.EasyEnsembleClassifier": "ensembles.bagged_labels",
    "imblearn.ensemble.RUSBoostClassifier": "ensembles.adaptive",
    "imblearn.pipeline.Pipeline": "compose.pipeline",
    "lightgbm.basic.Booster": "lightgbm_trees.booster",
    "lightgbm.sklearn.LGBMClassifier": "lightgbm_trees.labels",
    "lightgbm.sklearn.LGBMRanker": "lightgbm_trees.numbers",
    "lightgbm.sklearn.LGBMRegressor": "lightgbm_trees.numbers",
    "sklearn.calibration.CalibratedClassifierCV": "ensembles.calibrated",
    "sklearn.cluster.KMeans": "densities.kmeans",
    "sklearn.cluster.MiniBatchKMeans": "densities.kmeans",
    "sklearn.compose.ColumnTransformer": "compose.column_transformer",
    "sklearn.compose.TransformedTargetRegressor": "compose.transformed_target",
    "sklearn.cross_decomposition.PLSRegression": "linear.least_squares",
    "sklearn.decomposition.PCA": "linear.principal",
    "sklearn.decomposition.TruncatedSVD": "linear.projection",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": "linear.discriminant",
    "sklearn.ensemble.AdaBoostClassifier": "ensembles.adaptive",
    "sklearn.ensemble.BaggingClassifier": "ensembles.bagged_labels",
    "sklearn.ensemble.BaggingRegressor": "ensembles.bagged_numbers",
    "sklearn.ensemble.ExtraTreesClassifier": "trees.forest_of_labels",
    "sklearn.ensemble.ExtraTreesRegressor": "trees.forest_of_numbers",
    "sklearn.ensemble.GradientBoostingClassifier": "trees.boosted_labels",
    "sklearn.ensemble.GradientBoostingRegressor": "trees.boosted_numbers",
    "sklearn.ensemble.HistGradientBoostingClassifier": "histograms.labels",
    "sklearn.ensemble.HistGradientBoostingRegressor": "histograms.numbers",
    "sklearn.ensemble.IsolationForest": "trees.isolation",
    "sklearn.ensemble.RandomForestClassifier": "trees.forest_of_labels",
    "sklearn.ensemble.RandomForestRegressor": "trees.forest_of_numbers",
    "sklearn.ensemble.StackingClassifier": "ensembles.stacking",
    "sklearn.ensemble.StackingRegressor": "ensembles.stacking",
    "sklearn.ensemble.VotingClassifier": "ensembles.voting_labels",
    "sklearn.ensemble.VotingRegressor": "ensembles.voting_numbers",
    "sklearn.feature_extraction.CountVectorizer": "vectorizers.counts",
    "sklearn.feature_extraction.HashingVectorizer": "vectorizers.hashes",
    "sklearn.feature_extraction.TfidfTransformer": "vectorizers.weighted",
    "sklearn.feature_extraction.TfidfVectorizer": "vectorizers.tfidf",
    "sklearn.feature_selection.GenericUnivariateSelect": "preprocess.selector",
    "sklearn.feature_selection.RFE": "compose.eliminated",
    "sklearn.feature_selection.RFECV": "compose.eliminated",
    "sklearn.feature_selection.SelectFdr": "preprocess.selector",
    "sklearn.feature_selection.SelectFpr": "preprocess.selector",
    "sklearn.feature_selection.SelectFromModel": "preprocess.selector",
    "sklearn.feature_selection.SelectFwe": "preprocess.selector",
    "sklearn.feature_selection.SelectKBest": "preprocess.selector",
    "sklearn.feature_selection.SelectPercentile": "preprocess.selector",
    "sklearn.feature_selection.VarianceThreshold": "preprocess.selector",
    "sklearn.impute.SimpleImputer": "preprocess.imputer",
    "sklearn.linear_model.ARDRegression": "linear.regressor",
    "sklearn.linear_model.BayesianRidge": "linear.regressor",
    "sklearn.linear_model.ElasticNet": "linear.regressor",
    "sklearn.linear_model.ElasticNetCV": "linear.regressor",
    "sklearn.linear_model.GammaRegressor": "linear.generalized",
    "sklearn.linear_model.HuberRegressor": "linear.regressor",
    "sklearn.linear_model.Lars": "linear.regressor",
    "sklearn.linear_model.LarsCV": "linear.regressor",
    "sklearn.linear_model.Lasso": "linear.regressor",
    "sklearn.linear_model.LassoCV": "linear.regressor",
    "sklearn.linear_model.LassoLars": "linear.regressor",
    "sklearn.linear_model.LassoLarsCV": "linear.regressor",
    "sklearn.linear_model.LassoLarsIC": "linear.regressor",
    "sklearn.linear_model.LinearRegression": "linear.regressor",
    "sklearn.linear_model.LogisticRegression": "linear.logistic",
    "sklearn.linear_model.LogisticRegressionCV": "linear.logistic",
    "sklearn.linear_model.MultiTaskElasticNet": "linear.regressor",
    "sklearn.linear_model.MultiTaskLasso": "linear.regressor",
    "sklearn.linear_model.OrthogonalMatchingPursuit": "linear.regressor",
    "sklearn.linear_model.OrthogonalMatchingPursuitCV": "linear.regressor",
    "sklearn.linear_model.PassiveAggressiveClassifier": "linear.classifier",
    "sklearn.linear_model.PassiveAggressiveRegressor": "linear.regressor",
    "sklearn.linear_model.Perceptron": "linear.classifier",
    "sklearn.linear_model.PoissonRegressor": "linear.generalized",
    "sklearn.linear_model.QuantileRegressor": "linear.regressor",
    "sklearn.linear_model.Ridge": "linear.regressor",
    "sklearn.linear_model.RidgeCV": "linear.regressor",
    "sklearn.linear_model.RidgeClassifier": "linear.classifier",
    "sklearn.linear_model.RidgeClassifierCV": "linear.classifier",
    "sklearn.linear_model.SGDClassifier": "linear.stochastic",
    "sklearn.linear_model.SGDRegressor": "linear.regressor",
    "sklearn.linear_model.TheilSenRegressor": "linear.regressor",
    "sklearn.linear_model.TweedieRegressor": "linear.generalized",
    "sklearn.mixture.GaussianMixture": "densities.mixture",
    "sklearn.model_selection.GridSearchCV": "compose.searched",
    "sklearn.model_selection.HalvingGridSearchCV": "compose.searched",
    "sklearn.model_selection.HalvingRandomSearchCV": "compose.searched",
    "sklearn.model_selection.RandomizedSearchCV": "compose.searched",
    "sklearn.multiclass.OneVsRestClassifier": "ensembles.one_vs_rest",
    "sklearn.multioutput.MultiOutputClassifier": "ensembles.several_labels",
    "sklearn.multioutput.MultiOutputRegressor": "ensembles.several_numbers",
    "sklearn.naive_bayes.BernoulliNB": "densities.bernoulli",
    "sklearn.naive_bayes.ComplementNB": "densities.multinomial",
    "sklearn.naive_bayes.GaussianNB": "densities.gaussian",
    "sklearn.naive_bayes.MultinomialNB": "densities.multinomial",
    "sklearn.neighbors.KNeighborsClassifier": "neighbours.labels",
    "sklearn.neighbors.KNeighborsRegressor": "neighbours.numbers",
    "sklearn.neural_network.MLPClassifier": "networks.labels",
    "sklearn.neural_network.MLPRegressor": "networks.numbers",
    "sklearn.pipeline.FeatureUnion": "compose.union",
    "sklearn.pipeline.Pipeline": "compose.pipeline",
    "sklearn.preprocessing.Binarizer": "preprocess.binarizer",
    "sklearn.preprocessing.FunctionTransformer": "preprocess.function",
    "sklearn.preprocessing.KBinsDiscretizer": "preprocess.bins",
    "sklearn.preprocessing.MaxAbsScaler": "preprocess.largest_scaler",
    "sklearn.preprocessing.MinMaxScaler": "preprocess.range_scaler",
    "sklearn.preprocessing.Normalizer": "preprocess.normalizer",
    "sklearn.preprocessing.PolynomialFeatures": "preprocess.polynomial",
    "sklearn.preprocessing.RobustScaler": "preprocess.robust_scaler",
    "sklearn.preprocessing.StandardScaler": "preprocess.standard_scaler",
    "sklearn.svm.LinearSVC": "linear.classifier",
    "sklearn.svm.LinearSVR": "linear.regressor",
    "sklearn.svm.NuSVC": "kernels.labels",
    "sklearn.svm.NuSVR": "kernels.numbers",
    "sklearn.svm.OneClassSVM": "kernels.one_class",
    "sklearn.svm.SVC": "kernels.labels",
    "sklearn.svm.SVR": "kernels.numbers",
    "sklearn.tree.DecisionTreeClassifier": "trees.tree_of_labels",
    "sklearn.tree.DecisionTreeRegressor": "trees.tree_of_numbers",
    "sklearn.tree.ExtraTreeClassifier": "trees.tree_of_labels",
    "sklearn.tree.ExtraTreeRegressor": "trees.tree_of_numbers",
    "xgboost.core.Booster": "xgboost_trees.booster",
    "xgboost.sklearn.XGBClassifier": "xgboost_trees.labels",
    "xgboost.sklearn.XGBRFClassifier": "xgboost_trees.labels",
    "xgboost.sklearn.XGBRFRegressor": "xgboost_trees.numbers",
    "xgboost.sklearn.XGBRanker": "xgboost_trees.numbers",
    "xgboost.sklearn.XGBRegressor": "xgboost_trees.numbers",
}
# Modules that hand the table on, or look at its columns themselves.
SHAPES = (
    "catboost_trees",
    "compose",
    "encoders",
    "ensembles",
    "histograms",
    "lightgbm_trees",
    "vectorizers",
    "xgboost_trees",
)
# Modules and functions that take a Sparse as it is; the others get dense rows.
SPARSE = (
    "compose",
    "ensembles",
    "kernels",
    "trees",
    "vectorizers",
    "densities.bernoulli",
    "densities.multinomial",
    "linear.classifier",
    "linear.generalized",
    "linear.logistic",
    "linear.projection",
    "linear.regressor",
    "linear.stochastic",
    "networks.labels",
    "networks.numbers",
    "preprocess.binarizer",
    "preprocess.function",
    "preprocess.largest_scaler",
    "preprocess.normalizer",
    "preprocess.selector",
    "preprocess.standard_scaler",
)


def translate(g, estimator, X):
    """Write `estimator` applied to X (a Tensor, Sparse or Table) into the graph: {method: Tensor or list of them}.

    A "transform" may be a Sparse.

    Raises Untranslatable naming what has no translation.
    """
    if isinstance(X, Table) and X.coded and not hasattr(estimator, "predict") and not hasattr(estimator, "steps"):
        return {"transform": tabulate(g, estimator.transform, X)}
    if isinstance(estimator, BareBooster):
        estimator = estimator.native
    path = TRANSLATORS.get(public_name(type(estimator)))
    if path is None:
        raise Untranslatable(f"{type(estimator).__name__} has no translation")
    module, function = path.split(".")
    if isinstance(X, Table) and module not in SHAPES:
        X = X.numbers(type(estimator).__name__)
    if isinstance(X, Sparse) and module not in SPARSE and path not in SPARSE:
        X = X.dense()
    answers = resolve_name(f"{__name__}.{module}:{function}")(g, estimator, X)
    if module == "preprocess" and X.sparse:  # these steps make a sparse matrix of one
        answers["transform"].sparse = True
    return answers


def public_name(cls):
    """sklearn.ensemble._forest.RandomForestClassifier -> sklearn.ensemble.RandomForestClassifier."""
    return ".".join([*cls.__module__.split(".")[:2], cls.__qualname__])
