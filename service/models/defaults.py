"""Which of the served models answers where a request names none.

candidates(models, PREDICT_TABLE, settings)       # [the one model], or several of which none is the default
classifiers(models, settings)                     # the same for a text that is asked what it is
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..capabilities import GENERATE_TEXT, Capability

if TYPE_CHECKING:
    from ..settings import Settings
    from .base import Model

__all__ = ["candidates", "classifiers", "default_name", "may_be_default"]


def default_name(capability: Capability, settings: Settings) -> str:
    """The name in the capability's setting; "" without one."""
    return getattr(settings, capability.default_setting) if capability.default_setting else ""


def candidates(models: Iterable[Model], capability: Capability, settings: Settings) -> list[Model]:
    """The models of which one may answer. Tables go to a model of texts only where no other takes them."""
    name = default_name(capability, settings)
    able = [model for model in models if capability in model.capabilities]
    if name:
        return [model for model in able if model.name == name]
    return [model for model in able if not model.made_for_texts] or able


def classifiers(models: Iterable[Model], settings: Settings) -> list[Model]:
    """The models of which one may tell what a text is, where the article's /predict gets one: that of the setting for
    texts; without it, those that were made for texts, where no model here writes any.
    """
    models = list(models)
    made = [model for model in models if model.made_for_texts]
    name = default_name(GENERATE_TEXT, settings)
    if name:
        return [model for model in made if model.name == name]
    return [] if any(GENERATE_TEXT in model.capabilities for model in models) else made


def may_be_default(model: Model, capability: Capability) -> bool:
    """Whether the capability's setting may name it; that for texts may name a classifier, too."""
    return capability in model.capabilities or (capability is GENERATE_TEXT and model.made_for_texts)
