"""Thin Flask views, one module a dialect, plus the pages and health.

A view reads the body, asks the predictor, and encodes the answer; a few lines each.
"""

from . import article, docs, health, metrics, mlflow, openai, pages, repository, v1, v2

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    pages.blueprint,
    article.blueprint,
    v1.blueprint,
    v2.blueprint,
    mlflow.blueprint,
    openai.blueprint,
    health.blueprint,
    repository.blueprint,
    metrics.blueprint,
    docs.blueprint,
)
