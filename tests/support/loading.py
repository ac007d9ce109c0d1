"""A packed version as a server has it in memory."""

from service import models
from service.settings import Settings

__all__ = ["served"]


def served(version, **settings):
    """The model of a version, loaded and warmed up as a server does it."""
    model = models.load(version, Settings(**settings))
    model.warm_up()
    return model
