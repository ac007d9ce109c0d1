"""Thin Flask views, one module a dialect, plus the pages and health.

A view reads the body, asks the predictor, and encodes the answer; a few lines each.
"""

from service.blueprints import article, health, pages, v1

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (pages.blueprint, article.blueprint, v1.blueprint, health.blueprint)
