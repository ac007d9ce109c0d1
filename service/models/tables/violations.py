"""What is wrong with the rows of one request, collected: all is counted, the first are named.

violations = Violations()
violations.add(0, "age", "number", '"31"')
violations.refuse()         # InvalidInstances: row 0, column "age": expected number, got "31"
"""

from ...errors import MAX_VIOLATIONS, InvalidInstances
from .column import shown

__all__ = ["Violations"]

KEPT = 100 * MAX_VIOLATIONS  # found column by column, told row by row: the first rows of a hundred columns


class Violations:
    """Everything that is wrong with one request; the first are kept, all are counted."""

    def __init__(self):
        self.found = []
        self.total = 0

    def add(self, row, column, expected, got):
        self.total += 1
        if len(self.found) < KEPT:
            place = {"row": row, "column": column}
            self.found.append({k: v for k, v in place.items() if v is not None} | {"expected": expected, "got": got})

    def refuse(self):
        """Raise InvalidInstances if anything was found."""
        if self.total:
            self.found.sort(key=lambda violation: violation.get("row", -1))
            raise InvalidInstances(summary(self.found[0], self.total), details=self.found, total=self.total)


def summary(first, total):
    """One sentence for people: the first violation, and how many there are."""
    place = ", ".join(f"{what} {shown(first[what])}" for what in ("row", "column") if what in first)
    others = f" (and {total - 1} more)" if total > 1 else ""
    return f"{place + ': ' if place else ''}expected {first['expected']}, got {first['got']}{others}"
