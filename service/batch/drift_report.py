"""Drift as one file of HTML: a table of all columns and outputs, and a plot of the bins of each.

Path("drift.html").write_text(html([("the server of process 7", report.to_json())]))
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .report_page import page, table

__all__ = ["html"]

PLOTTED = 60  # features; those that drift first, then those of the largest PSI
LINE, BAR, NAMED, WIDTH = 18, 6, 150, 420  # pixels: of a bin, of one of its two bars, of its name, of the plot
LONGEST = 22  # characters of a bin's name
NOW, SAMPLE = "#3367a8", "#bbb"


def html(reports: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """reports: (whose rows these are, what Report.to_json gives), at least one, of one model."""
    parts = []
    for whose, told in reports:
        parts.append(f"<h2>{escape(whose)}: version {escape(told['version'])}, {told['rows']:,} rows</h2>")
        parts.append(f"<p>{escape(verdict(told))}</p>")
        parts.append(
            table(["", "of", "rows", "PSI", "missing", "missing in the sample", "strange", "drifted"], lines(told))
        )
        parts.append(
            f'<p><span style="color:{NOW}">■</span> these rows <span style="color:{SAMPLE}">■</span> sample</p>'
        )
        parts += [plot(feature) for feature in told["features"][:PLOTTED] if feature["rows"]]
    return page(f"Drift of {reports[0][1]['model']}", parts)


def verdict(told: dict[str, Any]) -> str:
    """What a report says, in a sentence."""
    if told["too_few"]:
        return "These are too few rows to say anything."
    if not told["drifted"]:
        return "No column and no label has drifted from the training sample."
    return f"From the training sample have drifted: {', '.join(told['drifted'])}."


def lines(told: dict[str, Any]) -> list[list[Any]]:
    return [
        [
            feature["name"],
            feature["of"],
            feature["rows"],
            f"{feature['psi']:.3f}",
            f"{feature['missing']:.2%}",
            f"{feature['missing_in_sample']:.2%}",
            f"{feature['strange']:.2%}",
            "; ".join(feature["drifted"]) or ("" if feature["judged"] else "not judged"),
        ]
        for feature in told["features"]
        if feature["rows"]
    ]


def plot(feature: dict[str, Any]) -> str:
    """The shares of the bins, of these rows above those of the sample."""
    bins = feature["bins"]
    largest = max(max(each["share"], each["in_sample"]) for each in bins) or 1.0
    room = WIDTH - NAMED - 50
    inside = []
    for place, each in enumerate(bins):
        top = place * LINE
        name = each["bin"] if len(each["bin"]) <= LONGEST else each["bin"][: LONGEST - 1] + "…"
        inside.append(f'<text x="{NAMED - 6}" y="{top + 12}" text-anchor="end">{escape(name)}</text>')
        for down, share, color in ((2, each["share"], NOW), (2 + BAR, each["in_sample"], SAMPLE)):
            width = room * share / largest
            inside.append(f'<rect x="{NAMED}" y="{top + down}" width="{width:.1f}" height="{BAR}" fill="{color}"/>')
        end = NAMED + room * max(each["share"], each["in_sample"]) / largest + 4
        inside.append(f'<text x="{end:.1f}" y="{top + 12}">{each["share"]:.1%}</text>')
    caption = escape(f"{feature['name']} ({feature['of']}), PSI {feature['psi']:.3f}")
    return (
        f'<figure><figcaption>{caption}</figcaption><svg width="{WIDTH}" height="{len(bins) * LINE + 4}" role="img">'
        f"<title>{caption}</title>{''.join(inside)}</svg></figure>"
    )
