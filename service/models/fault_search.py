"""A model raised on rows that satisfy its schema: find the rows and cells it cannot compute with.

    found = blame(works, plan.columns, example_row, rows)    # Violations; none of them: not the caller's fault

Values can be right by their column and still beyond the model: 1e300 squared is not a number
any more, a text that is no date cannot be read as one. The only way to know is to try again,
which costs predictions; halving keeps them few where few cells are at fault.
"""

from .tables.column import shown
from .tables.violations import Violations

__all__ = ["blame"]

ENOUGH = 20  # culprits; the caller has enough to mend, and a search must end


def blame(works, columns, sound, rows):
    """Violations for what is wrong with `rows`, records that fail together.

    works(rows) says whether the model predicts these; sound: its own example. Rows are tried
    alone first, then beside the example: dates in two forms are right alone and wrong together.
    """
    violations = Violations()
    if not works([sound]) or works(rows):
        return violations
    for company in ([], [sound]):
        for place in failing(works, company, rows, range(len(rows))):
            faulty = culprits(works, company, columns, sound, rows[place])
            for column in faulty:
                cell = shown(rows[place][column.name])
                violations.add(place, column.name, f"{column.expected} that this model can compute with", cell)
            if not faulty:
                violations.add(place, None, "a row that this model can compute with", shown(rows[place]))
            if violations.total >= ENOUGH:
                break
        if violations.total:
            return violations
    violations.add(None, None, "rows that this model can predict together", f"{len(rows)} rows")
    return violations


def failing(works, company, rows, places):
    """Yield the places of the rows that fail without the others."""
    if works(company + [rows[place] for place in places]):
        return
    if len(places) == 1:
        yield places[0]
        return
    half = len(places) // 2
    yield from failing(works, company, rows, places[:half])
    yield from failing(works, company, rows, places[half:])


def culprits(works, company, columns, sound, row):
    """The columns whose cells make the model fail when the sound row is given them one after the other."""
    faulty, tried = [], dict(sound)
    while columns:
        first, last = 0, len(columns)  # the first cell that fails is one of columns[first:last], if any is
        while first < last:
            half = (first + last) // 2
            if works([*company, tried | cells(row, columns[: half + 1])]):
                first = half + 1
            else:
                last = half
        tried |= cells(row, columns[:first])
        faulty += columns[first : first + 1]
        columns = columns[first + 1 :]
    return faulty


def cells(row, columns):
    return {column.name: row[column.name] for column in columns}
