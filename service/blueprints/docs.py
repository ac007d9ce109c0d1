"""What is served, described: the OpenAPI document, and its page.

GET /openapi.json    OpenAPI 3.1 of the models that are loaded now
GET /docs            the same for people, with nothing from elsewhere
"""

import json
import re
from functools import lru_cache

from flask import Blueprint, Response, render_template, request

from ..web.routes import ROUTES
from ..wire.json_body import JSON, dump
from .assets import assets_digest, short_digest, unless_known
from .context import predictor
from .pages import guard
from .views import view

__all__ = ["blueprint"]

blueprint = Blueprint("docs", __name__)
blueprint.after_request(guard)

REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


@view(blueprint)
def openapi():
    body, digest = document()
    return unless_known(Response(body, mimetype=JSON), digest)


@view(blueprint)
def page():
    from ..wire.openapi.sheet import groups

    body, _ = document()
    described = json.loads(body)
    assets = assets_digest()
    rendered = render_template("docs.html", groups=groups(described), described=described, assets=assets).encode()
    return unless_known(Response(rendered, mimetype="text/html"), short_digest(rendered))


def document():
    """(bytes of JSON, digest) for the models that are loaded now."""
    serving = predictor()
    secured = bool(serving.settings.keys_file)
    return built(dump(serving.catalogue()), secured, request.script_root)


@lru_cache(maxsize=4)
def built(catalogue, secured, root):
    """Once for every set of models: the catalogue, as bytes, is the key."""
    # Only whoever asks for the document pays for what makes it.
    from ..wire.openapi import document

    body = dump(document(json.loads(catalogue), ROUTES, secured=secured, root=root))
    return body, short_digest(body)


@blueprint.app_template_filter("references")
def references(schema):
    """The names of the schemas that a schema refers to, each once."""
    return list(dict.fromkeys(REFERENCE.findall(json.dumps(schema))))
