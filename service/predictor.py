"""The models of one worker: find one, admit a request or reject it, run it.

    predictor = Predictor(settings)
    predictor.load()                                                    # StartupError says why not
    predictor.run(predictor.find("tumour"), TableCall(rows), context)   # TabularAnswer

There is one Predictor in each worker, built after the fork. Finding a model takes no lock: the models are in one dict
that is replaced whole, never changed. Which versions it holds, and when others take their place, is decided by
server.lifecycle.rollout.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .capabilities import CLASSIFY_TEXT, PREDICT_TABLE, Capability
from .errors import BadSetting, ModelNotFound, ModelNotReady, ServiceError, StartupError
from .generation.encoders.asker import asked_by
from .generation.request import GenerationRequest
from .models import defaults
from .models.defaults import RETRY_AFTER
from .models.opening import open_current, open_version
from .observability.observers import Observer
from .scheduling.admission import Admission
from .scheduling.cancellation import Cancellations
from .settings import Settings
from .store.about import with_about
from .store.versions import Store, StoredVersion

if TYPE_CHECKING:
    from .models.base import Answer, Model

__all__ = ["Predictor"]

log = logging.getLogger(__name__)


class Predictor:
    """The models of one worker.

    failure: None, or the error that keeps the worker from being ready. refused: {name: {"version", "reason"}} of
    versions that may not take a model's place. awaited: {name: version} of models whose first version is still being
    loaded. draining: whether the worker is about to leave. observers: told of each answer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store.of(settings)
        self.failure: StartupError | ServiceError | None = ModelNotReady("the models are being loaded")
        self.refused: Mapping[str, dict[str, Any]] = {}  # replaced whole
        self.awaited: Mapping[str, str] = {}  # replaced whole
        self.draining = False
        self.catch_up: Callable[[], None] = lambda: None  # before a model is looked up: the rollout's Follower has why
        self.observers: Sequence[Observer] = ()
        self.admission = Admission(settings.threads, settings.max_wait)
        self.cancellations = Cancellations(settings.run_folder)
        self._models: dict[str, Model] = {}  # current versions by name; replaced whole
        self._broken: frozenset[str] = frozenset()  # of the store, none of their versions served
        self._others: dict[tuple[str, str], Model] = {}  # (name, version) -> a version that is not current
        self._unfit: Callable[[StoredVersion], str | None] = lambda version: None
        self._loading = threading.Lock()

    # --- whether it is ready

    @property
    def ready(self) -> bool:
        return self.why_not is None

    @property
    def why_not(self) -> str | None:
        """None where every model is loaded, proven and alive, and this worker stays; else the reason: a sentence."""
        if self.failure is not None:
            return str(self.failure)
        if self.draining:
            return "the worker is leaving"
        if not self._models:
            return "no model is loaded"
        failed = [f"{model.name}: {model.failure}" for model in self._models.values() if model.failure is not None]
        return "; ".join(failed) or None

    def check_ready(self) -> None:
        self.catch_up()
        if self.failure is not None:
            raise ModelNotReady("the models are not loaded; the server's log says why", retry_after=RETRY_AFTER)

    # --- loading, for the rollout

    def load(self) -> None:
        """Load the current version of every model, or where it is broken the last one that proved itself.

        Raises StartupError where nothing can be served or a setting is wrong, with DAYLIGHT_STRICT for any broken one.
        """
        try:
            loaded, broken = open_current(self.store, self.open, strict=self.settings.strict)
            self.serve(loaded, broken)
        except StartupError as error:
            self.failure = error
            raise
        self.tell(broken, {})

    def load_versions(self, versions: Mapping[str, str]) -> None:
        """Load and prove {name: version}, all of them. Raises StartupError; then nothing is served."""
        try:
            self.serve({name: self.open(name, version) for name, version in versions.items()})
        except StartupError as error:
            self.failure = error
            raise

    def open(self, name: str, version: str | None = None) -> Model:
        """Load and prove a version (None: the current one): a Model that is not served yet. Raises StartupError."""
        return open_version(self.store, name, version, self.settings, self._unfit)

    def serve(self, loaded: Mapping[str, Model], broken: Iterable[str] = ()) -> None:
        """Serve these models, {name: Model}. broken: models of the store that cannot be served. Raises BadSetting."""
        self._broken = frozenset(broken)
        self.check(loaded)
        self._models = dict(sorted(loaded.items()))
        self.failure = None

    def prepare(self, name: str, version: str, opened: Model | None = None) -> Model:
        """`open`, unless it is `opened` already, for a version that is to replace a served one. Raises StartupError."""
        with self._loading:
            model = opened or self.open(name, version)
        self.check({**self._models, name: model})
        return model

    def restrict(self, unfit: Callable[[StoredVersion], str | None]) -> None:
        """Refuse versions that this process cannot serve. unfit: the reason against a version, or None."""
        self._unfit = unfit

    def check(self, loaded: Mapping[str, Model]) -> None:
        """Check that {name: model} can be served together. Raises BadSetting."""
        defaults.check_defaults(loaded, self._broken, self.settings)
        for model in loaded.values():
            if self.settings.threads < model.min_threads:
                raise BadSetting(f"THREADS={self.settings.threads}: {model.name} needs at least {model.min_threads}")

    def without(self, name: str) -> None:
        """Raises BadSetting where the models cannot be served without this one."""
        self.check({other: model for other, model in self._models.items() if other != name})

    def serving(self) -> Mapping[str, Model]:
        """{name: Model} of what answers where no version is named; to be read only."""
        return self._models

    def swap(self, changes: Mapping[str, Model | None]) -> None:
        """Serve these models from the next request on: {name: a prepared Model, or None to stop serving it}.

        Requests that have found an old one keep it to their end; it is freed after the last of them.
        """
        self._models = {name: model for name, model in sorted({**self._models, **changes}.items()) if model is not None}

    def tell(self, refused: Mapping[str, dict[str, Any]], awaited: Mapping[str, str]) -> None:
        """What callers are told of versions that are not served: `refused` and `awaited`, as the class has them."""
        self.refused, self.awaited = refused, awaited

    def fail(self, error: StartupError) -> None:
        """This worker cannot serve what was decided: it answers 503 until it has loaded its models anew."""
        self.failure = error

    def forget_removed(self) -> None:
        """Free versions that a request named once and that are in the store no more."""
        removed = [key for key in self._others if not (self.store.root / key[0] / key[1]).is_dir()]
        if removed and self._loading.acquire(blocking=False):
            try:
                self._others = {key: model for key, model in self._others.items() if key not in removed}
            finally:
                self._loading.release()

    def drain(self) -> None:
        """This worker leaves: it is not ready any more, and still answers the requests it has."""
        self.draining = True

    def end_texts(self, *retired: Model) -> None:
        """End all generations that are running, as cancelled. retired: models that were swapped out."""
        for model in [*self._models.values(), *self._others.values(), *retired]:
            model.stop()

    # --- for requests

    def find(self, name: str, version: str | None = None) -> Model:
        """A loaded model. Raises ModelNotFound or ModelNotReady."""
        self.check_ready()
        model = self._models.get(name)
        if model is None:
            if name in self.refused:
                raise ModelNotReady(
                    "{name} version {version} is refused: {reason}".format(name=name, **self.refused[name])
                )
            if name in self.awaited:
                raise ModelNotReady(f"{name} version {self.awaited[name]} is being loaded", retry_after=RETRY_AFTER)
            raise ModelNotFound(f"there is no model {name!r}; there are {', '.join(self._models)}")
        return model if version in (None, model.version) else self._version(name, version)

    def _version(self, name: str, version: str) -> Model:
        """A version that is not the current one: loaded at its first request, then kept for the next."""
        if (name, version) in self._others:
            return self._others[name, version]
        try:
            return self.beside(name, version)
        except StartupError as error:
            log.error("%s version %s cannot be served: %s", name, version, error)
            raise ModelNotReady(f"{name} version {version} cannot be served; the server's log says why") from None

    def beside(self, name: str, version: str) -> Model:
        """A version that is not the current one, loaded and proven. Raises ModelNotFound, or StartupError with why."""
        key = (name, version)
        with self._loading:
            if key not in self._others:
                versions = self.store.versions(name)
                if version not in versions:
                    raise ModelNotFound(f"{name} has no version {version!r}; it has {', '.join(versions)}")
                loaded = [*self._others.items(), (key, self.open(name, version))]
                self._others = dict(loaded[-self.settings.kept_versions :])
            return self._others[key]

    def default(self, capability: Capability) -> Model:
        """The model that answers where a request names none: the setting's, else the only one that has it.

        Raises ModelNotReady, or RequestError naming the candidates.
        """
        self.check_ready()
        found = defaults.candidates(self._models.values(), capability, self.settings)
        if not found and (name := defaults.default_name(capability, self.settings)):
            return self.find(name)  # which says why it cannot be
        if len(found) == 1:
            return found[0]
        if not found:
            raise defaults.nobody(capability, self.awaited)
        raise defaults.several(found, f"serve {capability.noun}")

    def classifier(self) -> Model | None:
        """The model that is asked what a text is: a classifier, or where no model here generates text the default table
        model, where that one reads a single text; or None. Raises RequestError naming the candidates.
        """
        self.check_ready()
        models = self._models.values()
        found = defaults.classifiers(models, self.settings)
        if not found and defaults.tables_take_texts(models):
            found = [model for model in [self.default(PREDICT_TABLE)] if model.reads_one_text]
        if len(found) > 1:
            raise defaults.several(found, "classify texts")
        return found[0] if found else None

    def catalogue(self) -> list[dict[str, Any]]:
        """What is served, for people and for discovery: one dict a model, sorted by name."""
        return [self.entry(model) for model in self._models.values()]

    def entry(self, model: Model) -> dict[str, Any]:
        """One model's description, its versions, and what it answers where a request names no model."""
        answers = defaults.default_for(model, self._models.values(), self.settings)
        with suppress(ServiceError):  # several might be asked what a text is
            answers += [CLASSIFY_TEXT] if self.classifier() is model else []
        return {
            **with_about(model.describe(), self.store.root / model.name),
            "ready": self.ready,
            "default": bool(answers),
            "default_for": answers,
            "versions": self.store.versions(model.name),
            "limits": {"max_rows": self.settings.max_rows, "max_body_bytes": self.settings.max_body_bytes},
            **({"refused": self.refused[model.name]} if model.name in self.refused else {}),
        }

    def run(self, model: Any, call: Any, context: Any) -> Answer:
        """Answer a call whole. context: a RequestContext, with the request's deadline and id.

        Raises RequestError kinds, PredictionFailed, Overloaded where too many requests wait, DeadlineExceeded.
        """
        capability = call.capability
        if not capability.in_turn:
            began = perf_counter()
            with self.start(model, call, context) as request:
                return model.answer(call, request.collect(), perf_counter() - began)
        with self.admission.enter(model, capability, context.deadline):
            if not model.has_queue:
                return model.run(call, context.deadline)
            with asked_by(context.gone):
                return model.run(call, context.deadline)

    def run_together(self, model: Any, calls: Sequence[Any]) -> Sequence[Answer]:
        """Answer calls that have one key of `model.shared_by` at once; empty where each has to be run alone."""
        try:
            with self.admission.enter(model, calls[0].capability):
                return model.run_together(calls)
        except Exception as error:  # too many wait, or one of the calls fails
            log.info("%d calls are answered one by one, not together: %s", len(calls), type(error).__name__)
            return ()

    def start(self, model: Any, call: Any, context: Any) -> GenerationRequest:
        """Start a call whose answer may be streamed; the result has to be closed. Raises as `run`."""
        generations = model.generations(call)  # refuses what is wrong with any of them, before anything runs
        slot = self.admission.enter(model, call.capability, context.deadline)
        return GenerationRequest(generations, slot, context, self.cancellations)
