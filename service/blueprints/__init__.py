"""Thin Flask views, one module a dialect, plus the pages, health and metrics.

A view is a few lines. Which paths it answers stands in the table of routes (web.routes); the views that predict call
the table's own handlers.
"""

from . import article, docs, health, metrics, mlflow, ollama, openai, operations, pages, repository, tei, v1, v2

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    pages.blueprint,
    article.blueprint,
    v1.blueprint,
    v2.blueprint,
    mlflow.blueprint,
    openai.blueprint,
    tei.blueprint,
    ollama.blueprint,
    health.blueprint,
    repository.blueprint,
    metrics.blueprint,
    operations.blueprint,
    docs.blueprint,
)
