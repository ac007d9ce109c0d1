"""This worker's loaded models: find one, let a request in or turn it away, predict.

    predictor = Predictor(settings)
    predictor.load()                                    # StartupError says why not
    predictor.run(predictor.find("tumour"), TableCall(rows), context)     # TabularAnswer

One Predictor a worker, built after the fork. Reading it takes no lock: the models are
in one dict that is replaced whole, never changed. Which versions they are, and when others
take their place, service.server.lifecycle.rollout decides.
"""

import logging
import math
import threading
from time import perf_counter

from . import models
from .capabilities import CAPABILITIES
from .errors import BadSetting, ModelNotFound, ModelNotReady, RequestError, StartupError
from .generation.request import GenerationRequest
from .scheduling.admission import Admission
from .scheduling.cancellation import Cancellations
from .settings import PREFIX
from .store.versions import Store

__all__ = ["Predictor"]

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


class Predictor:
    """The models of one worker. `failure` is None, or the StartupError that keeps it from being ready."""

    def __init__(self, settings):
        self.settings = settings
        self.store = Store(settings.store, only=settings.models)
        self.failure = ModelNotReady("the models are being loaded")
        self._models = {}
        self._others = {}  # (name, version) -> model, for versions that are not current; replaced whole
        self.refused = {}  # name -> {"version", "reason"} of what may not take a model's place; replaced whole
        self.draining = False
        self.unfit = lambda stored: None  # why this process cannot serve a StoredVersion: a sentence
        self._loading = threading.Lock()
        self.admission = Admission(settings.threads, settings.max_wait)
        self.cancellations = Cancellations(settings.run_folder)

    @property
    def ready(self):
        return self.why_not is None

    @property
    def why_not(self):
        """None where every model is loaded, proven and alive, and this worker stays; else the reason: a sentence."""
        if self.failure is not None:
            return str(self.failure)
        if self.draining:
            return "the worker is leaving"
        if not self._models:
            return "no model is loaded"
        failed = [f"{model.name}: {model.failure}" for model in self._models.values() if model.failure is not None]
        return "; ".join(failed) or None

    def load(self, versions=None):
        """Load, prove and warm one version of every model; `versions`: {name: version}, or the current ones.

        Raises StartupError; then nothing is served.
        """
        try:
            names = self.store.check() if versions is None else sorted(versions)
            loaded = {name: self.open(name, versions and versions[name]) for name in names}
            self.check(loaded)
            self._models = loaded
            self.failure = None
        except StartupError as error:
            self.failure = error
            raise

    def open(self, name, version=None):
        """Load and prove a version (default: the current one), its digests checked: a Model that serves nobody yet.

        Raises StartupError.
        """
        stored = self.store.open(name, version)
        why = self.unfit(stored)
        if why:
            raise StartupError(why)
        model = models.load(stored, self.settings)
        model.warm_up()
        model.optimize(self.settings)
        log.info("loaded %s version %s (%s)", model.name, model.version, model.kind)
        return model

    def restrict(self, unfit):
        """Refuse versions that this process cannot serve. unfit: StoredVersion -> the reason, or None."""
        self.unfit = unfit

    def prepare(self, name, version):
        """`open` for a version that is to take its place beside those that serve. Raises StartupError."""
        with self._loading:
            model = self.open(name, version)
        self.check({**self._models, name: model})
        return model

    def check(self, loaded):
        """Check that {name: model} can be served together. Raises BadSetting."""
        for capability in CAPABILITIES:
            name = getattr(self.settings, capability.default_setting)
            if name and (name not in loaded or capability not in loaded[name].capabilities):
                raise BadSetting(
                    f"{PREFIX}{capability.default_setting.upper()} names {name!r}, and the store holds no model of "
                    f"this name that {capability.verb}"
                )
        for model in loaded.values():
            if self.settings.threads < model.min_threads:
                raise BadSetting(f"THREADS={self.settings.threads}: {model.name} needs at least {model.min_threads}")

    def without(self, name):
        """Raises BadSetting where the models cannot be served without this one."""
        self.check({other: model for other, model in self._models.items() if other != name})

    def serving(self):
        """{name: Model} of what answers where no version is named; to be read only."""
        return self._models

    def swap(self, changes):
        """Let these models answer from the next request on: {name: a prepared Model, or None for no more}.

        Requests that have found an old one keep it to their end, and the last of them lets it go.
        """
        changed = {**self._models, **changes}
        self._models = {name: changed[name] for name in sorted(changed) if changed[name] is not None}

    def forget_removed(self):
        """Let go of versions that were asked for once and are in the store no more."""
        gone = [key for key in self._others if not (self.store.root / key[0] / key[1]).is_dir()]
        if gone and self._loading.acquire(blocking=False):
            try:
                self._others = {key: model for key, model in self._others.items() if key not in gone}
            finally:
                self._loading.release()

    def drain(self):
        """This worker leaves: not ready any more. What it has taken it still answers."""
        self.draining = True

    def end_texts(self, *replaced):
        """End every text that is being written, where it is, as cancelled: the time for leaving is up.

        replaced: models that were swapped out and may still be writing.
        """
        for model in [*self._models.values(), *self._others.values(), *replaced]:
            model.stop()

    def find(self, name, version=None):
        """A loaded model. Raises ModelNotFound or ModelNotReady."""
        self._check_ready()
        model = self._models.get(name)
        if model is None:
            if name in self.refused:
                raise ModelNotReady(
                    "{name} version {version} is refused: {reason}".format(name=name, **self.refused[name])
                )
            raise ModelNotFound(f"there is no model {name!r}; there are {', '.join(self._models)}")
        return model if version in (None, model.version) else self._version(model, version)

    def _version(self, current, version):
        """A version that is not the current one: loaded at its first request, then kept for the next."""
        key = (current.name, version)
        if key in self._others:
            return self._others[key]
        with self._loading:
            if key not in self._others:
                loaded = [*self._others.items(), (key, self._loaded_version(*key))]
                self._others = dict(loaded[-self.settings.kept_versions :])
            return self._others[key]

    def _loaded_version(self, name, version):
        try:
            found = self.store.versions(name)
            if version not in found:
                raise ModelNotFound(f"{name} has no version {version!r}; it has {', '.join(found)}")
            return self.open(name, version)
        except StartupError as error:
            log.error("%s version %s cannot be served: %s", name, version, error)
            raise ModelNotReady(f"{name} version {version} cannot be served; the server's log says why") from None

    def default(self, capability):
        """The model that answers where a request names none: the setting's, else the only one that has it.

        Raises ModelNotReady, or RequestError naming the candidates.
        """
        self._check_ready()
        candidates = self._candidates(capability)
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise RequestError(f"no model that {capability.verb} is served here")
        names = ", ".join(model.name for model in candidates)
        raise RequestError(
            f"several models serve {capability.noun} ({names}) and none is the default; name one in the URL"
        )

    def _candidates(self, capability):
        """The models of which one may answer where a request names none."""
        name = self._default_name(capability)
        return [
            model for model in self._models.values() if capability in model.capabilities and name in ("", model.name)
        ]

    def _default_name(self, capability):
        """The name in the capability's setting; "" without one."""
        return getattr(self.settings, capability.default_setting) if capability.default_setting else ""

    def catalogue(self):
        """What is served, for people and for discovery: one dict a model, sorted by name."""
        return [self.entry(model) for model in self._models.values()]

    def entry(self, model):
        """One model's description, its versions, and whether it answers where a request names no model."""
        default = any(self._candidates(capability) == [model] for capability in model.capabilities)
        return {
            **model.describe(),
            "ready": self.ready,
            "default": default,
            "versions": self.store.versions(model.name),
            **({"refused": self.refused[model.name]} if model.name in self.refused else {}),
        }

    def run(self, model, call, context):
        """Answer a call whole. context: a RequestContext, with the request's deadline and id.

        Raises RequestError kinds, PredictionFailed, Overloaded where too many requests wait, DeadlineExceeded.
        """
        capability = call.capability
        if not capability.in_turn:
            began = perf_counter()
            with self.start(model, call, context) as request:
                return model.answer(call, request.collect(), perf_counter() - began)
        slot = self.admission.enter(model, capability, context.deadline)
        try:
            return model.run(call, context.deadline)
        finally:
            slot.release()

    def start(self, model, call, context):
        """Start a call whose answer may be streamed: a GenerationRequest, to be closed. Raises as `run`."""
        generations = model.generations(call)  # refuses what is wrong with any of them, before anything runs
        slot = self.admission.enter(model, call.capability, context.deadline)
        return GenerationRequest(generations, slot, context, self.cancellations)

    def _check_ready(self):
        if self.failure is not None:
            raise ModelNotReady(
                "not ready: the models are not loaded; the server's log says why", retry_after=math.ceil(RETRY_SECONDS)
            )
