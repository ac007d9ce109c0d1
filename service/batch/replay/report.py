"""A replay as one file of HTML: tables, and plots as SVG within it. Nothing is loaded from anywhere.

Path("report.html").write_text(html("churn", "3", comparison))
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from ..report_page import page, table
from .comparison import Comparison, OutputChanges

__all__ = ["html"]

WIDTH, HEIGHT, MARGIN = 360, 240, 44  # of a plot, in pixels
BINS = 30
LABELS = 12  # of a matrix


def html(model: str, version: str, comparison: Comparison) -> str:
    """The page. model, version: what was asked again."""
    title = f"Replay of {model} with version {version}"
    told = comparison.summary()
    parts = [table(["", "rows"], head(told, version))]
    if told["reasons"]:
        parts += [f"<h2>Rows that version {escape(version)} does not take</h2>"]
        parts += [table(["reason", "rows"], told["reasons"].items())]
    for name, found in comparison.outputs.items():
        parts += output(name, found, told["outputs"][name])
    return page(title, parts)


def head(told: dict[str, Any], version: str) -> list[tuple[str, int]]:
    answered = [(f"answered by version {each}", rows) for each, rows in told["versions"].items()]
    return [*answered, (f"compared with version {version}", told["rows"]), ("not taken by it", told["refused"])]


def output(name: str, found: OutputChanges, told: dict[str, Any]) -> list[str]:
    share = f"{found.changed:,} of {found.rows:,} changed ({found.changed / max(1, found.rows):.2%})"
    parts = [f"<h2>{escape(name)}</h2>", f"<p>{share}</p>"]
    if "differences" in told:
        parts.append(table([*told["differences"]], [[f"{each:.4g}" for each in told["differences"].values()]]))
        parts.append(histogram(np.frombuffer(found.differences), "now - was"))
    if found.pairs:
        parts.append(scatter(found.pairs))
    if found.labels:
        parts.append(matrix(found))
    if told["most"]:
        parts.append("<h3>The rows that change most</h3>")
        parts.append(table(["was", "now", "row", "inputs"], map(row_told, told["most"])))
    return parts


def row_told(one: dict[str, Any]) -> list[str]:
    where = " ".join(str(one[name]) for name in ("time", "request", "row") if name in one)
    return [json_text(one["was"]), json_text(one["now"]), where, json_text(one["inputs"])]


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def matrix(found: OutputChanges) -> str:
    """How many rows went from which label to which; of many labels those with the most rows."""
    counts = found.labels
    often = sorted({label for pair in counts for label in pair}, key=lambda label: -weight(found, label))[:LABELS]
    rows = [[was, *(counts.get((was, now), 0) for now in often)] for was in often]
    return table(["was \\ now", *often], rows)


def weight(found: OutputChanges, label: str) -> int:
    return sum(rows for pair, rows in found.labels.items() if label in pair)


def histogram(values: np.ndarray, caption: str) -> str:
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(abs(low), abs(high), 1.0):  # all the same, but for rounding
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, BINS, (low, high))
    step = (WIDTH - 2 * MARGIN) / BINS
    tallest = max(1, int(counts.max()))
    room = HEIGHT - 2 * MARGIN
    bars = "".join(
        f'<rect x="{MARGIN + place * step:.1f}" y="{HEIGHT - MARGIN - room * count / tallest:.1f}" '
        f'width="{step - 1:.1f}" height="{room * count / tallest:.1f}" fill="#3367a8"/>'
        for place, count in enumerate(counts.tolist())
    )
    return figure(bars, (edges[0], edges[-1]), (0, tallest), caption, "rows")


def scatter(pairs: Sequence[tuple[float, float]]) -> str:
    points = np.array(pairs)
    low, high = float(points.min()), float(points.max())
    span = high - low or 1.0

    def at(value: float, size: int) -> float:
        return MARGIN + (size - 2 * MARGIN) * (value - low) / span

    line = f'<line x1="{at(low, WIDTH)}" y1="{HEIGHT - at(low, HEIGHT)}" x2="{at(high, WIDTH)}" '
    line += f'y2="{HEIGHT - at(high, HEIGHT)}" stroke="#999"/>'
    dots = "".join(
        f'<circle cx="{at(was, WIDTH):.1f}" cy="{HEIGHT - at(now, HEIGHT):.1f}" r="2" fill="#3367a8" opacity=".5"/>'
        for was, now in pairs
    )
    return figure(line + dots, (low, high), (low, high), "was", "now")


def figure(inside: str, x: tuple[float, float], y: tuple[float, float], across: str, up: str) -> str:
    """A plot with the ends of its axes."""
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN
    axes = f'<path d="M{MARGIN},{MARGIN}V{bottom}H{right}" fill="none" stroke="#555"/>'
    texts = (
        f'<text x="{MARGIN}" y="{bottom + 16}">{x[0]:.4g}</text>'
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">{x[1]:.4g}</text>'
        f'<text x="{MARGIN - 6}" y="{bottom}" text-anchor="end">{y[0]:.4g}</text>'
        f'<text x="{MARGIN - 6}" y="{MARGIN + 4}" text-anchor="end">{y[1]:.4g}</text>'
        f'<text x="{WIDTH / 2}" y="{bottom + 32}" text-anchor="middle">{across}</text>'
        f'<text x="{MARGIN}" y="{MARGIN - 12}">{up}</text>'
    )
    return f'<figure><svg width="{WIDTH}" height="{HEIGHT}" role="img">{axes}{inside}{texts}</svg></figure>'
