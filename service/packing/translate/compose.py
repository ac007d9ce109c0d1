"""Pipelines, column transformers, unions, searches: what only hands rows on."""

from .preprocess import FUNCTIONS
from .sparse import beside
from .tables import Table, Untranslatable, tabulate

__all__ = ["column_transformer", "eliminated", "pipeline", "searched", "transformed_target", "union"]


def step(g, estimator, X):
    """What one transformer makes of rows."""
    from . import translate

    return translate(g, estimator, X)["transform"]


def pipeline(g, estimator, X):
    from . import translate

    steps = [part for _, part in estimator.steps if part is not None and part != "passthrough"]
    steps = [part for part in steps if not hasattr(part, "fit_resample")]  # imbalanced-learn's act while fitting alone
    if isinstance(X, Table) and X.coded:
        X, steps = tabulated_start(g, steps, X)
    answers = {"transform": X}
    for place, part in enumerate(steps):
        answers = translate(g, part, X) if place == len(steps) - 1 else {"transform": step(g, part, X)}
        X = answers.get("transform")
    return answers


def tabulated_start(g, steps, X):
    """The first steps as one table: as few of them as make numbers of the categories."""
    refusal = Untranslatable("no step makes numbers of the categories")
    for count in range(1, len(steps) + 1):
        first = steps[:count]
        if not all(hasattr(part, "transform") for part in first):
            break

        def transform(rows, first=first):
            for part in first:
                rows = part.transform(rows)
            return rows

        try:
            return tabulate(g, transform, X), steps[count:]
        except Untranslatable as error:
            refusal = error
    raise refusal


def column_transformer(g, estimator, X):
    names = estimator._transformer_to_input_indices
    weights = estimator.transformer_weights or {}
    parts = []
    for name, part, _ in estimator.transformers_:
        places = list(names[name])
        if part == "drop" or not places:
            continue
        given = X.take(places)
        output = passed(given) if part == "passthrough" else step(g, part, given)
        made = estimator.output_indices_[name]
        parts.append((output * float(weights[name]) if name in weights else output, made.stop - made.start))
    if not parts:
        raise Untranslatable("a ColumnTransformer that keeps no column")
    joined = beside(g, parts)
    joined.sparse = estimator.sparse_output_
    return {"transform": joined}


def union(g, estimator, X):
    weights = estimator.transformer_weights or {}
    parts = []
    for name, part in estimator.transformer_list:
        if part == "drop":
            continue
        output = passed(X) if part == "passthrough" else step(g, part, X)
        parts.append((output * float(weights[name]) if name in weights else output, width_of(part)))
    joined = beside(g, parts)
    joined.sparse = any(part.sparse for part, _ in parts)
    return {"transform": joined}


def width_of(part):
    """How many columns a transformer makes, where it says so."""
    try:
        return len(part.get_feature_names_out())
    except Exception:  # it may have none, or raise anything
        return None


def passed(X):
    return X.numbers("passthrough") if isinstance(X, Table) else X


def searched(g, estimator, X):
    from . import translate

    return translate(g, estimator.best_estimator_, X)


def eliminated(g, estimator, X):
    """Recursive feature elimination: the columns it kept, and the model it fitted on them."""
    from . import translate

    kept = X.take(estimator.get_support(indices=True))
    numbers = kept.numbers(type(estimator).__name__) if isinstance(kept, Table) else kept
    return translate(g, estimator.estimator_, kept) | {"transform": numbers}


def transformed_target(g, estimator, X):
    from . import translate

    target = translate(g, estimator.regressor_, X)["predict"]
    back = estimator.transformer_
    kind = type(back).__name__
    if kind == "FunctionTransformer" and back.inverse_func in FUNCTIONS:
        return {"predict": FUNCTIONS[back.inverse_func](g, target)}
    if kind == "StandardScaler":
        target = target * back.scale_ if back.with_std else target
        return {"predict": target + back.mean_ if back.with_mean else target}
    raise Untranslatable(f"TransformedTargetRegressor through {kind}")
