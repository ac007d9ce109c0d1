"""A report as one file of HTML: what those of a replay and of drift share. Nothing is loaded from anywhere.

page("Drift of churn", [table(["column", "rows"], [("age", 1000)])])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["page", "table"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .2rem .8rem .2rem 0; text-align: left;
vertical-align: top; border-bottom: 1px solid #ddd } td.n { text-align: right } figcaption { color: #555 }
figure { display: inline-block; vertical-align: top; margin: 0 1rem 1rem 0 } svg { font: 11px system-ui, sans-serif }
code { font-size: 12px }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The page. parts: HTML, the texts in it escaped."""
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>\n'
        + "\n".join([f"<h1>{escape(title)}</h1>", *parts])
        + "\n</html>\n"
    )


def table(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"


def cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"
