"""Before every view: note the route in the context, and show a locked page to browsers that have sent no API key.

The page asks for a key, keeps it for as long as its tab is open, and then fetches itself again with it.
"""

from __future__ import annotations

from flask import Flask, Response, render_template, request

from ..errors import Forbidden, Unauthorized
from ..web.access.policy import Scope
from ..web.routes import label_of, scope_of
from ..wire.json_body import JSON
from .assets import assets_digest
from .context import context
from .pages import HEADERS, HTML

__all__ = ["attach"]


def attach(app: Flask) -> None:
    app.before_request(check_locked)


def check_locked() -> Response | None:
    """None where the view may answer; else the locked page. Raises Unauthorized for programs."""
    current = context()
    if request.url_rule is not None:
        current.route = label_of(request.url_rule.rule)
    if current.allowed:
        return None
    needed = "admin" if scope_of(request.path) is Scope.ADMIN_PAGE else "predict"
    sentence = f"a key of scope {needed} is needed: send Authorization: Bearer dl_..., or X-API-Key"
    # A key for other pages stays good for these.
    refusal = Forbidden(sentence) if current.key and needed == "admin" else Unauthorized(sentence)
    if request.accept_mimetypes.best_match((JSON, HTML)) != HTML:
        raise refusal
    current.refused = refusal.code
    page = render_template("locked.html", needed=needed, assets=assets_digest())
    headers = {
        "WWW-Authenticate": refusal.challenge or "",
        "Vary": "Accept",
        "Cache-Control": "no-store",
        **HEADERS,
    }
    return Response(page, refusal.status, headers, mimetype=HTML)
