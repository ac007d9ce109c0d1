"""CSV for people who open it in a spreadsheet program: no text in it is computed as a formula.

    encode({"predict": ["=1+1"]})       # b"predict\r\n'=1+1\r\n"

It is for answers alone, and only where Accept asks for it: the apostrophe is one more character to every other reader.
"""

from .csv import write
from .formulas import inert
from .parts import flat

__all__ = ["encode"]


def encode(outputs):
    """As `csv.encode`, each text and each column's name being made inert."""
    columns = flat(outputs)
    return write(map(inert, columns), [list(map(inert, cells)) for cells in columns.values()])
