"""Tables whose rows are mixed of the rows of another: each cell from a row of its own.

    table = joined([one.values, others.values])
    mixed(table, np.array([[0, 2]]), [0, 1])      # the first cell of row 0 beside the second of row 2

For every container of the column plan but rows of a Python class. What a cell is stays as the plan has made it.
"""

import numpy as np

__all__ = ["joined", "mixed"]


def joined(tables):
    """The rows of several tables of one plan, one after the other: ndarrays, sparse matrices or DataFrames."""
    if isinstance(tables[0], np.ndarray):
        return np.concatenate(tables)
    if hasattr(tables[0], "iloc"):
        import pandas as pd  # only where a frame is here already

        return pd.concat(tables, ignore_index=True)
    return np.concatenate([table.toarray() for table in tables])


def mixed(table, places, columns, *, sparse=False):
    """A table of `joined` whose row r has, in column columns[c], the cell of the row places[r, c].

    table: [rows, all columns], or [rows] of single texts. places: integers [new rows, len(columns)]. Other columns,
    which no model of these reads, have what the first row has. sparse: whether the model takes a CSR matrix.
    """
    if hasattr(table, "iloc"):
        return mixed_frame(table, places, columns)
    if table.ndim == 1:
        return table[places[:, 0]]
    if len(columns) == table.shape[1]:
        found = table[places, np.arange(len(columns))]
    else:
        found = np.repeat(table[:1], len(places), axis=0)
        found[:, columns] = table[places, columns]
    if not sparse:
        return found
    from scipy.sparse import csr_matrix  # as the plan does, for the few models that need it

    return csr_matrix(found)


def mixed_frame(table, places, columns):
    import pandas as pd

    of_columns = dict(zip(columns, places.T, strict=True))
    first = np.zeros(len(places), dtype=np.intp)
    parts = [
        table.iloc[:, place].take(of_columns.get(place, first)).reset_index(drop=True)
        for place in range(table.shape[1])
    ]
    found = pd.concat(parts, axis=1)
    found.columns = table.columns
    return found
