"""The pages: what is served, and for each model a form with the calls that do the same.

GET /                       HTML where Accept prefers text/html, else {"status": "alive", ...}
GET /models/<name>          a model's own page, always HTML
GET /activity               how many requests each model has had, which the start page shows
GET /assets/<digest>/<name> its scripts and styles, which never change under one digest
"""

import json
import math
from datetime import datetime

from flask import Blueprint, make_response, render_template, request, send_from_directory

from ..errors import ModelNotFound, ModelNotReady
from ..observability.by_model import counts_by_model
from ..web.routes import PREDICTING
from ..wire.json_body import JSON
from .assets import STATIC, assets_digest, compressed, imported, short_digest, unless_known
from .context import answer, predictor, services
from .views import view

__all__ = ["HEADERS", "HTML", "blueprint", "guard", "rendered"]

HTML = "text/html"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
SEPARATED = 10_000  # the least number whose thousands are separated
YEAR = 365 * 24 * 3600  # seconds

blueprint = Blueprint("pages", __name__, template_folder="templates")


@view(blueprint)
def front():
    models = predictor().catalogue()
    if request.accept_mimetypes.best_match((JSON, HTML)) == HTML:
        serving = predictor()
        shown = page("front.html", models=models, refused=serving.refused, awaited=serving.awaited)
        return shown, {"Vary": "Accept"}
    status = {"status": "alive", "name": "daylight", "models": [model["name"] for model in models]}
    return answer(status, headers={"Vary": "Accept"})


@view(blueprint)
def model(name):
    """The page of a model; where it is not served, the start page with the reason."""
    serving = predictor()
    try:
        # Looking at a page is no request of the model: it is neither logged nor counted as one.
        entry = serving.entry(serving.find(name))
    except (ModelNotFound, ModelNotReady) as error:
        waiting = isinstance(error, ModelNotReady)
        told = {
            "title": f"{name} is not ready." if waiting else f"{name} is not here.",
            "problem": str(error),
            "waiting": waiting,
            "models": serving.catalogue() if serving.failure is None else [],
        }
        return rendered("front.html", refused={}, awaited={}, **told), error.status, {"Cache-Control": "no-cache"}
    capability = entry["capabilities"][0]
    module = f"{capability}.js" if (STATIC / f"{capability}.js").exists() else "any_capability.js"
    sheets = ["lists.css", "model.css", f"{capability}.css"]
    return page("page.html", model=entry, module=module, sheets=[name for name in sheets if (STATIC / name).exists()])


def page(template, **values):
    """A page that a browser keeps, and asks for again each time: it is not sent twice."""
    content = rendered(template, **values)
    return unless_known(make_response(content), short_digest(content.encode()))


def rendered(template, **values):
    """A page's text, with what every page needs."""
    settings = predictor().settings
    secured = bool(settings.keys_file)
    operated = secured or not settings.open  # whether admins may be there at all
    return render_template(template, assets=assets_digest(), secured=secured, operated=operated, **values)


@view(blueprint)
def activity():
    """{model: {"requests", "refused", "failed"}} of its predictions since the server started, over all workers."""
    return answer(counts_by_model(services().meter.folder, PREDICTING), headers={"Cache-Control": "no-store"})


@view(blueprint)
def asset(digest, name):
    """One file of static/. The digest stands in the path, so modules that import each other keep it."""
    sent = send_from_directory(STATIC, name)
    if digest == assets_digest():
        sent.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return sent


@blueprint.after_request
def guard(response):
    response.headers.update(HEADERS)
    return compressed(response)


@blueprint.app_template_global("preloaded")
def preloaded(*scripts):
    """The modules that these scripts import, which a browser may fetch before it has read the scripts."""
    return list(dict.fromkeys(name for script in scripts for name in (script, *imported(script))))


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
    """A number short enough to read, as static/dom.js writes it; anything else as it is.

    Four significant digits, but never fewer than before the point; thousands are separated from 10,000 on, so that
    a year is a year.
    """
    if type(value) not in (int, float) or not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.4g}"
    if size >= SEPARATED:
        return f"{value:,.0f}"
    return f"{round(value, 3 - math.floor(math.log10(size))):.10g}" if type(value) is float and size else f"{value:g}"


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
