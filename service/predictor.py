"""This worker's loaded models: find one, let a request in or turn it away, predict.

    predictor = Predictor(settings)
    predictor.load()                                    # StartupError says why not
    predictor.predict(predictor.find("tumour"), rows)   # TabularAnswer

One Predictor a worker, built after the fork. Reading it takes no lock: the models are
in one dict that is replaced whole, never changed.
"""

import logging
import math
import threading

from service import models
from service.admission import Generations
from service.batching import batched
from service.errors import (
    ArtifactMissing,
    BadSetting,
    ModelNotFound,
    ModelNotReady,
    RequestError,
    StartupError,
)
from service.store.versions import Store

__all__ = ["RESERVED_THREADS", "Predictor"]

log = logging.getLogger(__name__)

# Threads of a worker that generations never take, so that tables and health always get through.
RESERVED_THREADS = 2
RETRY_SECONDS = 2.0


class Predictor:
    """The models of one worker. `failure` is None, or the StartupError that keeps it from being ready."""

    def __init__(self, settings):
        self.settings = settings
        self.store = Store(settings.store)
        self.failure = ModelNotReady("the models are being loaded")
        self._models = {}
        self._others = {}  # (name, version) -> model, for versions that are not current; replaced whole
        self._loading = threading.Lock()
        self._generations = Generations(settings.threads - RESERVED_THREADS)

    @property
    def ready(self):
        return self.failure is None and all(model.failure is None for model in self._models.values())

    def load(self):
        """Load, prove and warm the current version of every model. Raises StartupError; then nothing is served."""
        try:
            self._models = self._loaded()
            self.failure = None
        except StartupError as error:
            self.failure = error
            raise

    def keep_trying(self):
        """Load again and again in the background until it works, as a respawned worker does; returns the thread."""
        thread = threading.Thread(target=self._try_until_ready, name="daylight-load", daemon=True)
        thread.start()
        return thread

    def _try_until_ready(self):
        pause = threading.Event()
        while True:
            try:
                return self.load()
            except StartupError as error:
                log.error("not ready: %s", error)
                pause.wait(RETRY_SECONDS)

    def _loaded(self):
        names = self.store.models()
        if not names:
            raise ArtifactMissing(f"the store {self.store.root} holds no model; pack one: python -m service pack FILE")
        loaded = {name: models.load(self.store.open(name), self.settings) for name in names}
        for kind, setting in self._defaults().items():
            if setting and (setting not in loaded or loaded[setting].kind != kind):
                raise BadSetting(f"the default {kind} model is set to {setting!r}, which the store does not hold")
        if self._generations.limit < 1 and any(model.kind == "text_generation" for model in loaded.values()):
            raise BadSetting(f"THREADS={self.settings.threads}: a text model needs at least {RESERVED_THREADS + 1}")
        for model in loaded.values():
            self._warm(model)
            log.info("loaded %s version %s (%s)", model.name, model.version, model.kind)
        return loaded

    def _warm(self, model):
        """Prove the model on its own example; let its requests share calls where that pays."""
        model.warm_up()
        if model.kind == "tabular" and model.plan.container == "array" and self.settings.threads > 1:
            rows = model.plan.read(model.manifest.example["instances"]).values
            model.runtime = batched(model.runtime, rows, model.outputs)

    def _defaults(self):
        return {"tabular": self.settings.default_tabular, "text_generation": self.settings.default_text}

    def find(self, name, version=None):
        """A loaded model. Raises ModelNotFound or ModelNotReady."""
        self._check_ready()
        model = self._models.get(name)
        if model is None:
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
            model = models.load(self.store.open(name, version), self.settings)
            self._warm(model)
            return model
        except StartupError as error:
            log.error("%s version %s cannot be served: %s", name, version, error)
            raise ModelNotReady(f"{name} version {version} cannot be served; the server's log says why") from None

    def default(self, kind):
        """The model that answers where none is named: the setting's, else the only one of its kind."""
        self._check_ready()
        named = self._defaults()[kind]
        candidates = [model for model in self._models.values() if model.kind == kind and named in ("", model.name)]
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise RequestError(f"no {kind} model is served here")
        listed = ", ".join(model.name for model in candidates)
        raise RequestError(f"several {kind} models are served ({listed}) and none is the default; name one in the URL")

    def catalogue(self):
        """What is served, for people and for discovery: one dict a model, sorted by name."""
        return [self.entry(model) for model in self._models.values()]

    def entry(self, model):
        """One model's description, its versions and whether it is the default of its kind."""
        same_kind = [other for other in self._models.values() if other.kind == model.kind]
        named = self._defaults()[model.kind]
        default = model.name == named if named else len(same_kind) == 1
        return {
            **model.describe(),
            "ready": self.ready,
            "default": default,
            "versions": self.store.versions(model.name),
        }

    def predict(self, model, instances, outputs=None, top_k=None):
        """Rows -> TabularAnswer. Raises RequestError kinds and PredictionFailed."""
        return model.predict(instances, outputs, top_k)

    def generate(self, model, prompts, parameters):
        """Prompts -> a list of completions, written together. Raises Overloaded when too much waits."""
        params = model.parameters(parameters)
        generations = [model.stream(prompt, params) for prompt in prompts]  # refuses what is wrong with any of them
        with self._generations.one():
            try:
                for generation in generations:
                    generation.start()
                return [generation.collect() for generation in generations]
            finally:
                for generation in generations:
                    generation.close()

    def _check_ready(self):
        if self.failure is not None:
            raise ModelNotReady(
                "not ready: the models are not loaded; the server's log says why", retry_after=math.ceil(RETRY_SECONDS)
            )
