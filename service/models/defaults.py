"""Which of the served models answers where a request names none.

candidates(models, PREDICT_TABLE, settings)       # [the one model], or several of which none is the default
classifiers(models, settings)                     # the same for a text that is asked what it is
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from ..capabilities import CAPABILITIES, GENERATE_TEXT, PREDICT_TABLE, Capability
from ..errors import BadSetting, ModelNotReady, RequestError, ServiceError
from ..settings import PREFIX

if TYPE_CHECKING:
    from ..settings import Settings
    from .base import Model

__all__ = [
    "RETRY_AFTER",
    "candidates",
    "capabilities_of",
    "check_defaults",
    "classifiers",
    "columns_of",
    "default_for",
    "default_name",
    "nobody",
    "several",
    "tables_take_texts",
    "text_classifier",
]


RETRY_AFTER = 2  # seconds until a model that is being loaded may answer


def nobody(capability: Capability, awaited: Mapping[str, str]) -> ServiceError:
    """The error where no model has the capability. One of the awaited, {name: version}, may be loaded with it soon."""
    reason = f"no model that {capability.verb} is served here"
    if awaited:
        loading = ", ".join(f"{name} version {version}" for name, version in awaited.items())
        return ModelNotReady(f"{reason} yet, while these are being loaded: {loading}", retry_after=RETRY_AFTER)
    return RequestError(reason)


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


def classifiers(models: Collection[Model], settings: Settings) -> list[Model]:
    """The models of which one may tell what a text is, where the article's /predict gets one: that of the setting for
    texts; without it, those that were made for texts, where no model here writes any.
    """
    made = [model for model in models if tells_what_a_text_is(model)]
    name = default_name(GENERATE_TEXT, settings)
    if name:
        return [model for model in made if model.name == name]
    return [] if GENERATE_TEXT in capabilities_of(models) else made


def text_classifier(models: Iterable[Model], settings: Settings) -> Model:
    """The classifier of texts that answers where a request can mean no other model: that of the setting for texts,
    where it names one, else the only one. Raises RequestError naming the candidates.
    """
    made = [model for model in models if tells_what_a_text_is(model)]
    found = [model for model in made if model.name == default_name(GENERATE_TEXT, settings)] or made
    if not found:
        raise RequestError("no model that classifies texts is served here")
    if len(found) > 1:
        raise several(found, "classify texts")
    return found[0]


def check_defaults(loaded: Mapping[str, Model], broken: Collection[str], settings: Settings) -> None:
    """Check that the models which the settings name can answer. broken: names of models that the store holds and that
    cannot be served; a setting may name one. Raises BadSetting.
    """
    for capability in CAPABILITIES:
        name = default_name(capability, settings)
        if name and name not in broken and not (name in loaded and _may_be_default(loaded[name], capability)):
            raise BadSetting(
                f"{PREFIX}{capability.default_setting.upper()} names {name!r}, and the store holds no model of "
                f"this name that {capability.verb}"
            )


def _may_be_default(model: Model, capability: Capability) -> bool:
    """Whether the capability's setting may name it; that for texts may name a classifier, too."""
    return capability in model.capabilities or (capability is GENERATE_TEXT and tells_what_a_text_is(model))


def tells_what_a_text_is(model: Model) -> bool:
    return model.made_for_texts and model.reads_one_text


def tables_take_texts(models: Iterable[Model]) -> bool:
    """Whether a text that is asked what it is may be a row: there are tables, and no model writes texts."""
    served = capabilities_of(models)
    return PREDICT_TABLE in served and GENERATE_TEXT not in served


def default_for(model: Model, models: Collection[Model], settings: Settings) -> list[str]:
    """The names of the capabilities for which this model alone may answer."""
    return [each.name for each in model.capabilities if candidates(models, each, settings) == [model]]


def columns_of(models: Iterable[Model]) -> set[str]:
    """The names of the columns that any of these models reads."""
    return {column["name"] for model in models for column in model.manifest.spec.get("columns", ())}


def capabilities_of(models: Iterable[Model]) -> set[Capability]:
    """What these models can do, all of them together."""
    return {capability for model in models for capability in model.capabilities}


def several(models: Iterable[Model], verb: str) -> RequestError:
    names = ", ".join(model.name for model in models)
    return RequestError(f"several models {verb} ({names}) and none is the default; name one in the URL")
