"""CatBoost's categories: the model keeps hashes of them, and statistics of the target by hash.

    model = document(estimator, {3: ("Oslo", "Rome")})     # the library's JSON, with the hashes of these categories
    categories = Categories(g, model, table, numbers)
    categories.statistic(split_index)      # the place of a column that holds the number a split compares

Each cell's category is a place in its column's list, so what the model makes of categories is a table: one row a
category, or a row for each combination of several. A model that knows categories which the column does not list
cannot be translated, for nothing tells them from strange ones.
"""

import json
import tempfile
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from .tables import LARGEST_TABLE, Table, Untranslatable

__all__ = ["Categories", "document", "unlisted"]

MULTIPLIER = np.uint64(0x4906BA494954CB65)  # of CatBoost's CalcHash
EMPTY = 2**64 - 1  # the hash of an unused place in a table of statistics
STRANGE = 0  # stands for the hash of a category that the model does not know
MEANS = ("BinarizedTargetMeanValue", "FloatTargetMeanValue")
COUNTS = ("Counter", "FeatureFreq")


def document(estimator, categories):
    """The model as its library writes it. categories: {place of a column: those whose hashes are to stand in it}."""
    if estimator.get_text_feature_indices() or estimator.get_embedding_feature_indices():
        raise Untranslatable("of CatBoost's text and embedding features")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        estimator.save_model(str(path), format="json", pool=pool(estimator, categories))
        return json.loads(path.read_text(encoding="utf-8"))


def pool(estimator, categories):
    """Rows in which every category occurs; None for a model of numbers alone."""
    places = estimator.get_cat_feature_indices()
    if not places:
        return None
    if absent := set(places) - categories.keys():
        raise Untranslatable(f"CatBoost reads the column {absent.pop()} as categories, and the sample has none there")
    import pandas as pd
    from catboost import Pool

    names, rows = estimator.feature_names_, max(map(len, categories.values()))
    each = [list(map(spelled, categories[place])) if place in places else [0.0] for place in range(len(names))]
    frame = pd.DataFrame({place: (cells * rows)[:rows] for place, cells in enumerate(each)}).set_axis(names, axis=1)
    return Pool(frame, cat_features=places)


def spelled(category):
    """A category as CatBoost hashes it."""
    return str(category)


def unlisted(estimator, categories):
    """Whether the model knows categories of one column that are not among these; `categories` as in `document`."""
    model = document(estimator, categories)
    info = model["features_info"]
    known = hashes_by_category(info)
    hashes = {
        index: {known[spelled(category)] for category in categories[feature["flat_feature_index"]]}
        for index, feature in enumerate(info["categorical_features"])
    }
    for index, feature in enumerate(info["categorical_features"]):
        if set(map(unsigned, feature.get("values", ()))) - hashes[index]:
            return True
    for statistic in info.get("ctrs", ()):
        (first, *more), bits = elements(statistic)
        own = combined(0, signed(np.array(sorted(hashes[first]))))
        if not (more or bits) and entries(model["ctr_data"][statistic["identifier"]]).keys() - set(own.tolist()):
            return True
    return False


class Categories:
    """Columns made of categories, asked for one by one and written into the graph together."""

    def __init__(self, g, model, X, numbers):
        info = model["features_info"]
        self.g, self.X, self.numbers = g, X, numbers
        self.features = info.get("categorical_features", [])
        if self.features and not isinstance(X, Table):
            raise Untranslatable("CatBoost reads categories among numbers")
        known = hashes_by_category(info)
        self.hashes = [hashes_of(X.columns[each["flat_feature_index"]], known) for each in self.features]
        self.statistics = statistics_by_split(info)
        self.data = model.get("ctr_data") or {}
        self.groups, self.places = {}, {}
        for feature, hashes in zip(self.features, self.hashes, strict=True):
            strangers = set(map(unsigned, feature.get("values", ()))) - set(hashes.tolist())
            check_known(strangers, feature.get("feature_name") or feature["feature_id"])

    def is_one(self, index, value):
        """The place of the column that is 1 where the cell is the category of this hash."""
        answers = (self.hashes[index] == unsigned(value)).astype(np.float64)
        return self.place(("one", index, value), ((index,), ()), answers)

    def statistic(self, split):
        """The place of the column of the statistic that the split with this number compares."""
        number, statistic = self.statistics[split]
        cats, bits = elements(statistic)
        return self.place(("statistic", number), (cats, bits), lambda: self.answers(statistic, cats, bits))

    def place(self, key, of, answers):
        """The place of a column of its own; `answers` [a number for each combination of the cells in `of`]."""
        if key not in self.places:
            self.places[key] = len(self.places)
            answers = answers() if callable(answers) else answers
            self.groups.setdefault(of, []).append((self.places[key], answers))
        return self.places[key]

    def tensors(self):
        """All columns, in the order of their places."""
        order = [place for group in self.groups.values() for place, _ in group]
        each = [self.looked_up(of, [answers for _, answers in group]) for of, group in self.groups.items()]
        return [self.g.join(each).take(np.argsort(order))] if each else []

    def looked_up(self, of, answers):
        steps = zip(self.cells(*of), strides(self.sizes(*of)), strict=True)
        index = reduce(add, (cell if step == 1 else cell * float(step) for cell, step in steps))
        return self.g.op("Gather", np.stack(answers, axis=1), index.reshape(-1).int(), axis=0)

    def cells(self, cats, bits):
        """Tensors [rows, 1]: the place of each category, and for each bit whether it is so."""
        yield from (self.X.tensor.take([self.features[index]["flat_feature_index"]]) for index in cats)
        for kind, index, value in bits:
            if kind == "float":
                yield (self.numbers.take([index]) > value).float()
            else:
                table = (self.hashes[index] == value).astype(np.float64)[:, None]
                cell = self.X.tensor.take([self.features[index]["flat_feature_index"]])
                yield self.g.op("Gather", table, cell.reshape(-1).int(), axis=0)

    def sizes(self, cats, bits):
        return [*(len(self.hashes[index]) for index in cats), *[2] * len(bits)]

    def answers(self, statistic, cats, bits):
        """The statistic of every combination of categories and bits, in the order of their mixed number."""
        sizes = self.sizes(cats, bits)
        if np.prod(sizes, dtype=float) > LARGEST_TABLE:
            raise Untranslatable(f"CatBoost's combinations of {len(cats)} categorical columns are too many for a table")
        grids = np.meshgrid(*map(np.arange, sizes), indexing="ij")
        hashes, known = np.zeros(sizes, dtype=np.uint64), np.ones(sizes, dtype=bool)
        for index, grid in zip(cats, grids, strict=False):
            own = self.hashes[index]
            hashes = combined(hashes, signed(own)[grid])
            known &= grid < len(own) - 2
        for grid in grids[len(cats) :]:
            hashes = combined(hashes, grid.astype(np.uint64))
        return values_of(statistic, self.data[statistic["identifier"]], hashes.ravel(), known.ravel())


def unsigned(value):
    return value & 0xFFFFFFFF


def signed(hashes):
    """Hashes of 32 bits as CatBoost widens them to 64."""
    return hashes.astype(np.uint32).astype(np.int32).astype(np.int64).astype(np.uint64)


def combined(hashes, more):
    """The hash of what has the hash and `more`, modulo 2**64."""
    with np.errstate(over="ignore"):
        return MULTIPLIER * (np.uint64(hashes) + MULTIPLIER * more)


def hashes_by_category(info):
    return {each["value"]: unsigned(each["hash"]) for each in info.get("cat_features_hash", ())}


def entries(data):
    """{hash: what was counted} of a table of statistics."""
    rows = np.array(data["hash_map"], dtype=object).reshape(-1, data["hash_stride"])
    return {int(row[0]): row[1:].astype(np.float64) for row in rows if int(row[0]) != EMPTY}


def hashes_of(column, known):
    """The hash of each category, and twice that of none, for a missing cell and a strange one."""
    if column.categories is None:
        raise Untranslatable(f"CatBoost reads the column {column.name!r} as a category")
    each = [known[spelled(category)] for category in column.categories]
    return np.array([*each, STRANGE, STRANGE], dtype=np.int64)


def check_known(strangers, what):
    if strangers:
        raise Untranslatable(f"CatBoost knows {len(strangers)} categories of {what} that the sample does not have")


def statistics_by_split(info):
    """{number of a split: (number of the statistic, the statistic)}; splits of numbers and categories come first."""
    first = sum(len(feature["borders"] or ()) for feature in info.get("float_features", ()))
    first += sum(len(feature.get("values", ())) for feature in info.get("categorical_features", ()))
    found: dict[int, tuple] = {}
    for number, statistic in enumerate(info.get("ctrs", ())):
        for _ in statistic["borders"]:
            found[first + len(found)] = number, statistic
    return found


def elements(statistic):
    """(the categorical features that a statistic combines, the questions that it combines them with)."""
    cats, floats, exact = [], [], []
    for each in statistic["elements"]:
        if each["combination_element"] == "cat_feature_value":
            cats.append(each["cat_feature_index"])
        elif each["combination_element"] == "float_feature":
            floats.append(("float", each["float_feature_index"], each["border"]))
        elif each["combination_element"] == "cat_feature_exact_value":
            exact.append(("category", each["cat_feature_index"], unsigned(each["value"])))
        else:
            raise Untranslatable(f"CatBoost's combinations with {each['combination_element']}")
    return tuple(cats), (*floats, *exact)


def strides(sizes):
    """What a step in each dimension adds to a mixed number, the last one 1."""
    return np.cumprod([1, *sizes[:0:-1]])[::-1]


def values_of(statistic, data, hashes, known):
    """(counted + prior) / (total + its weight), shifted and scaled, in float32; [hashes] float64."""
    rows = entries(data)
    places = {value: place for place, value in enumerate(hashes.tolist()) if known[place]}
    check_known(rows.keys() - places.keys(), "a statistic")
    counted, total = np.zeros((2, len(hashes)), dtype=np.float32)
    for value, row in rows.items():
        counted[places[value]], total[places[value]] = counts(statistic, data, row)
    if statistic["ctr_type"] in COUNTS:
        total[:] = np.where(np.isin(hashes, np.array(list(rows), dtype=np.uint64)), total, 0)
    prior, weight = (np.float32(statistic[name]) for name in ("prior_numerator", "prior_denomerator"))
    mean = (counted + prior) / (total + weight)
    return ((mean + np.float32(statistic["shift"])) * np.float32(statistic["scale"])).astype(np.float64)


def counts(statistic, data, row):
    """(what is counted, of how many) in one row of a table of statistics."""
    kind, border = statistic["ctr_type"], statistic["target_border_idx"]
    if kind in MEANS:
        return row[0], row[1]
    if kind in COUNTS:
        return row[0], data["counter_denominator"]
    if kind == "Buckets":
        return row[border], row.sum()
    return row[border + 1 :].sum(), row.sum()  # Borders
