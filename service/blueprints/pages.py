"""The front page: what is served, a form for each model, and the calls that do the same; JSON for programs.

GET /                       HTML where Accept prefers text/html, else {"status": "alive", ...}
GET /assets/<digest>/<name> its scripts and styles, which never change under one digest
"""

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import Blueprint, render_template, request, send_from_directory

from ..wire.json_body import JSON
from .context import answer, predictor
from .views import view

__all__ = ["HEADERS", "HTML", "STATIC", "assets_digest", "blueprint", "guard"]

STATIC = Path(__file__).parent / "static"
HTML = "text/html"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
YEAR = 365 * 24 * 3600  # seconds

blueprint = Blueprint("pages", __name__, template_folder="templates")


@view(blueprint)
def front():
    models = predictor().catalogue()
    if request.accept_mimetypes.best_match((JSON, HTML)) == HTML:
        refused = predictor().refused
        page = render_template("page.html", models=models, refused=refused, assets=assets_digest(STATIC))
        return page, {"Vary": "Accept", "Cache-Control": "no-cache"}
    status = {"status": "alive", "name": "daylight", "models": [model["name"] for model in models]}
    return answer(status, headers={"Vary": "Accept"})


@view(blueprint)
def asset(digest, name):
    """One file of static/. The digest stands in the path, so modules that import each other keep it."""
    sent = send_from_directory(STATIC, name)
    if digest == assets_digest(STATIC):
        sent.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return sent


@blueprint.after_request
def guard(response):
    response.headers.update(HEADERS)
    return response


@cache
def assets_digest(folder):
    """One short digest of all files of static/: it changes when any of them does."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@blueprint.app_template_filter("pretty")
def pretty(value):
    """A value as the JSON a person reads, as static/literals.js writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@blueprint.app_template_filter("shell")
def shell(text):
    """Text as it stands between the single quotes of a shell."""
    return text.replace("'", "'\\''")


@blueprint.app_template_filter("python")
def python(value, depth=0):
    """A JSON value as Python source, `depth` levels deep in the code around it, as static/literals.js writes it."""
    margin, outer = "    " * (depth + 1), "    " * depth
    if isinstance(value, dict) and value:
        cells = ((json.dumps(key, ensure_ascii=False), python(one, depth + 1)) for key, one in value.items())
        lines = [f"{margin}{key}: {cell},\n" for key, cell in cells]
        return "{\n" + "".join(lines) + outer + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(python(one, depth) for one in value) + "]"
    return repr(value) if value is None or isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


@blueprint.app_template_filter("shown")
def shown(value):
    """A number short enough to read; anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


@blueprint.app_template_filter("count")
def count(number):
    """134515008 -> `135 million`: how many, to three digits."""
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= size:
            return f"{number / size:.3g}{word}"
    return str(number)


@blueprint.app_template_filter("day")
def day(moment):
    """An ISO 8601 moment -> `22 November 2026`."""
    packed = datetime.fromisoformat(moment)
    return f"{packed.day} {packed:%B %Y}"


@blueprint.app_template_filter("gauge")
def gauge(column, value):
    """Where a value and the middle half of the sample lie between the column's ends, in percent.

    {"from", "width", "at"}, `at` None where there is no value; None where the ends are not known or are the same.
    """
    low, high, quantiles = column.get("minimum"), column.get("maximum"), column.get("quantiles")
    if not quantiles or not low < high:
        return None
    first, third = (percent(quantiles[q], low, high) for q in ("0.25", "0.75"))
    at = None if value is None else percent(value, low, high)
    return {"from": first, "width": round(third - first, 2), "at": at}


def percent(value, low, high):
    return round(min(max((value - low) / (high - low), 0), 1) * 100, 2)
