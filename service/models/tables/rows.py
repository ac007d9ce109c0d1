"""The forms in which rows may come -> a list of cells for each column.

    rows = Rows(columns[:2], every=columns)             # of the columns a, b and note, the model reads two
    rows.by_column([{"b": 2, "a": 1.5}], violations)     # [[1.5], [2]], no warnings
    rows.by_column({"a": [1.5], "b": [2]}, violations)   # the same

A list of values a row is in the order of the columns: of all, or of those that the model reads.
"""

from itertools import chain, islice

import numpy as np

from .column import ABSENT, shown

__all__ = ["Rows", "rows_of"]

NAMED = 10  # columns of no use named in one answer
COMPARED, LONGEST_NAME = 50, 100  # names, and characters of each, that may be what a missing column is called


class Rows:
    """columns: those whose cells are wanted, in order. every: all columns of the model, those too that it never reads;
    rows may hold them, without a warning.
    """

    def __init__(self, columns, every):
        self.columns = columns
        self.names = [column.name for column in columns]
        self.every = [column.name for column in every]
        self.known = frozenset(self.every)
        self.places = [self.every.index(name) for name in self.names]
        self.widths = {len(self.names), len(self.every)}

    def ignored(self, names):
        """The warning for columns the model does not have."""
        extra = [name for name in dict.fromkeys(names) if name not in self.known]
        warnings = [f"column {shown(name)} is not a column of this model and was ignored" for name in extra[:NAMED]]
        if len(extra) > NAMED:
            warnings.append(f"{len(extra) - NAMED} more columns are none of this model and were ignored")
        return tuple(warnings)

    def strangers(self, instances):
        """Names of columns that rows of any form have, and the model has not: the first, of those of a usual length."""
        rows = [instances] if isinstance(instances, dict) else instances if isinstance(instances, list) else ()
        names = dict.fromkeys(chain.from_iterable(row for row in rows if isinstance(row, dict)))
        return [*islice((name for name in names if name not in self.known and len(name) <= LONGEST_NAME), COMPARED)]

    def by_column(self, instances, violations):
        """Any accepted form of rows -> (a list of cells per column, the warnings). Adds to, or raises, violations."""
        violations.strangers = lambda: self.strangers(instances)
        if isinstance(instances, np.ndarray):
            instances = instances.tolist()
        if isinstance(instances, dict):
            return self._from_columns(instances, violations)
        if not isinstance(instances, list) or not instances:
            violations.add(None, None, "a list of rows, at least one", shown(instances))
            violations.refuse()
        shapes = set(map(type, instances))
        if shapes == {dict}:
            cells = [[instance.get(name, ABSENT) for instance in instances] for name in self.names]
            return cells, self.ignored(chain.from_iterable(instances))
        if shapes == {list}:
            widths = set(map(len, instances))
            if widths == {len(self.names)}:
                return list(map(list, zip(*instances, strict=True))), ()
            if widths == {len(self.every)}:
                return [[instance[place] for instance in instances] for place in self.places], ()
        for row, instance in enumerate(instances):
            self._check_row(row, instance, violations)
        violations.refuse()
        objects = [instance for instance in instances if isinstance(instance, dict)]
        cells = [[self._cell(instance, place) for instance in instances] for place in range(len(self.names))]
        return cells, self.ignored(chain.from_iterable(objects))

    def _cell(self, instance, place):
        if isinstance(instance, dict):
            return instance.get(self.names[place], ABSENT)
        if isinstance(instance, list):
            return instance[self.places[place] if len(instance) > len(self.names) else place]
        return instance

    def _check_row(self, row, instance, violations):
        width = len(self.names)
        if isinstance(instance, list):
            if len(instance) not in self.widths:
                violations.add(row, None, f"{width} values, in the order of the columns", f"{len(instance)} values")
        elif not isinstance(instance, dict) and width != 1:
            violations.add(row, None, f"an object or a list of {width} values", shown(instance))

    def _from_columns(self, instances, violations):
        lengths = {}
        for name, values in instances.items():
            if name not in self.names:
                continue
            if isinstance(values, list):
                lengths[name] = len(values)
            else:
                violations.add(None, name, "a list with one value a row", shown(values))
        violations.refuse()
        rows = max(lengths.values(), default=0)
        for name, length in lengths.items():
            if length != rows:
                violations.add(None, name, f"{rows} values, as many as the longest column", f"{length} values")
        if not rows:
            for column in self.columns:
                got = "no values" if column.name in lengths else "nothing"
                violations.add(None, column.name, f"a list of {column.expected}, at least one", got)
        violations.refuse()
        return [instances.get(name, [ABSENT] * rows) for name in self.names], self.ignored(instances)


def rows_of(instances):
    """How many rows are in any accepted form of them, 0 where it is none."""
    if isinstance(instances, dict):
        return max((len(values) for values in instances.values() if isinstance(values, list)), default=0)
    return len(instances) if isinstance(instances, list | np.ndarray) else 0
