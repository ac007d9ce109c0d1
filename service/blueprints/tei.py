"""The routes of text-embeddings-inference: /embed, /rerank."""

from flask import Blueprint

from .views import predict_views

__all__ = ["blueprint"]

blueprint = Blueprint("tei", __name__)
predict_views(blueprint)
