"""The article's own routes: POST /predict, and GET /predict?text=..."""

from flask import Blueprint

from .views import predict_views

__all__ = ["blueprint"]

blueprint = Blueprint("article", __name__)
predict_views(blueprint)
