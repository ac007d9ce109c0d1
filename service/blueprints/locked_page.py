"""Before every view: note which route it is, and show a locked page to browsers that have no key yet.

The page asks for a key, keeps it for as long as its tab is open, and then fetches itself again with it.
"""

import re
from functools import cache

from flask import Response, render_template, request

from ..errors import Unauthorized
from ..wire.json_body import JSON
from .context import exchange
from .pages import HEADERS, STATIC, assets_digest

__all__ = ["attach"]

HTML = "text/html"
CONVERTER = re.compile(r"<[^<>:]+:")


def attach(app):
    app.before_request(enter)


@cache
def pattern(rule):
    """`/v1/models/<plain:name>` -> `/v1/models/<name>`, as the short way writes it."""
    return CONVERTER.sub("<", rule)


def enter():
    """None where the view may answer; else the locked page. Raises Unauthorized for programs."""
    found = exchange()
    if request.url_rule is not None:
        found.route = pattern(request.url_rule.rule)
    if found.allowed:
        return None
    refused = Unauthorized("a key of scope predict is needed: send Authorization: Bearer dl_..., or X-API-Key")
    if request.accept_mimetypes.best_match((JSON, HTML)) != HTML:
        raise refused
    found.refused = refused.code
    page = render_template("locked.html", assets=assets_digest(STATIC))
    headers = {"WWW-Authenticate": refused.challenge, "Vary": "Accept", "Cache-Control": "no-store", **HEADERS}
    return Response(page, refused.status, headers, mimetype=HTML)
