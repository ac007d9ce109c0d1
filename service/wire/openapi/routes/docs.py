"""This document and its page, described."""

from ..parts import Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Documentation", "description": "What you are reading."}
ETAG = {"ETag": {"description": "The same as long as the same models are served.", "schema": {"type": "string"}}}
UNCHANGED = {"304": {"description": "What If-None-Match names is still what there is."}}


def openapi(place):
    schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    return Operation("This document", json(schema), headers=ETAG, others=UNCHANGED)


def page(place):
    html = {"text/html": {"schema": {"type": "string"}}}
    return Operation("This document, for people", html, headers=ETAG, others=UNCHANGED)


OPERATIONS = {"GET openapi": openapi, "GET page": page}
