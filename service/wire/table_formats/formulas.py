"""Texts that a spreadsheet program would compute when it opens a CSV file, made inert.

    inert("=1+1")       # "'=1+1"
    inert("-1.5")       # "-1.5", a number all the same

The characters and the apostrophe are those of https://owasp.org/www-community/attacks/CSV_Injection. They protect
programs that split lines at commas; one that is set to semicolons finds other cells than were written.
"""

import re

__all__ = ["inert"]

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full width, too
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def inert(cell):
    """A text that begins like a formula and is no number -> the same behind an apostrophe; all else unchanged."""
    if isinstance(cell, str) and cell.startswith(BEGINNINGS) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
