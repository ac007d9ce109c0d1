"""What is wrong with the rows of one request, collected: all is counted, the first are named.

violations = Violations()
violations.add(0, "age", "number", '"31"')
violations.refuse()         # InvalidInstances: row 0, column "age": expected number, got "31"
"""

from collections.abc import Callable, Sequence

from ...errors import MAX_VIOLATIONS, InvalidInstances
from ...store.missing import did_you_mean
from .column import ABSENT, shown

__all__ = ["Violations"]

NOTHING = shown(ABSENT)
SUGGESTED = 10  # missing columns for which a like name is looked for: to compare names takes time

KEPT = 100 * MAX_VIOLATIONS  # found column by column, told row by row: the first rows of a hundred columns


class Violations:
    """Everything that is wrong with one request; the first are kept, all are counted.

    strangers: gives names of columns that the rows have and the model has not. A column that is missing may be there
    under one of them.
    """

    strangers: Callable[[], Sequence[str]]

    def __init__(self):
        self.found = []
        self.total = 0
        self.strangers = tuple

    def add(self, row, column, expected, got):
        self.total += 1
        if len(self.found) < KEPT:
            place = {"row": row, "column": column}
            self.found.append({k: v for k, v in place.items() if v is not None} | {"expected": expected, "got": got})

    def refuse(self):
        """Raise InvalidInstances if anything was found."""
        if self.total:
            self._suggest_names()
            self.found.sort(key=lambda violation: violation.get("row", -1))
            raise InvalidInstances(summary(self.found[0], self.total), details=self.found, total=self.total)

    def _suggest_names(self):
        missing = [violation for violation in self.found if violation["got"] == NOTHING and "column" in violation]
        names = self.strangers() if missing else ()
        columns = list(dict.fromkeys(violation["column"] for violation in missing))[:SUGGESTED] if names else ()
        hints = {column: did_you_mean(column, names) for column in columns}
        for violation in missing:
            violation["got"] += hints.get(violation["column"], "")


def summary(first, total):
    """One sentence for people: the first violation, and how many there are."""
    place = ", ".join(f"{what} {shown(first[what])}" for what in ("row", "column") if what in first)
    others = f" (and {total - 1} more)" if total > 1 else ""
    return f"{place + ': ' if place else ''}expected {first['expected']}, got {first['got']}{others}"
