"""Tables in, predictions out: a column plan, a runtime, and plain values.

answer = model.predict([{"age": 31, "city": "Rome"}], ["predict", "predict_proba"])
answer.outputs["predict"]          # ["yes"]
answer.outputs["predict_proba"]    # [{"yes": 0.8, "no": 0.2}]
"""

import logging
import math
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from ..capabilities import PREDICT_TABLE, Capability
from ..errors import (
    InvalidInstances,
    InvalidParameters,
    PayloadTooLarge,
    PredictionFailed,
    ServiceError,
    StartupError,
    VersionMismatch,
    in_a_line,
)
from ..scheduling.batching import SMALL, alike, batched, rows_between
from . import runtimes
from .base import TurnModel
from .explanations.explainer import MOST_ROWS, Explainer
from .explanations.output import EXPLANATION
from .fault_search import blame
from .sample_profile import SampleProfile
from .stored_rows import background_of, profile_of, proof_of
from .tables.answer import TabularAnswer
from .tables.column import Column, shown
from .tables.output import PROMISED, Output, close, largest
from .tables.plan import ColumnPlan, Table
from .tables.rows import rows_of

__all__ = ["TabularModel"]

log = logging.getLogger(__name__)

# What a model raises for a cell that it cannot compute with. Anything else, such as RuntimeError, RecursionError,
# MemoryError or OSError, says that the model or its machine has failed.
CELL_FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError)

DEPENDENT = "this model's answer for a row depends on the other rows of its request; alone the row may get another one"


class TabularModel(TurnModel):
    """One loaded version of a tabular model."""

    capabilities: ClassVar[tuple[Capability, ...]] = (PREDICT_TABLE,)

    def __init__(self, manifest, runtime, proof=(), *, background=(), profile=None, max_rows=math.inf):
        """`proof`: instances with the outputs that warming up must find again, besides the example. `background`: rows
        that answers are explained against. `profile`: what drift is measured by, the content of its file, or None.
        """
        super().__init__(manifest)
        spec = manifest.spec
        self.runtime = runtime
        self.proof = proof
        compiled = spec.get("runtime", {}).get("container")
        columns = [Column.from_json(entry) for entry in spec["columns"]]
        self.plan = ColumnPlan(columns, compiled or spec["container"], compiled=compiled is not None)
        self.reads_one_text = [column.kind for column in self.plan.columns] == ["text"]
        self.outputs = {name: Output(**described) for name, described in spec["outputs"].items()}
        self.primary = next(iter(self.outputs))
        self.answers: dict[str, Any] = self.outputs  # {name: its Output} of whatever may be asked for
        self.explainer: Any = None  # an Explainer, where there are background rows
        if background:
            self.explainer = Explainer(self.plan, spec[EXPLANATION], background, self.outputs)
            self.answers = {**self.outputs, EXPLANATION: self.explainer.output}
        self.profile = None if profile is None else SampleProfile(self.plan, self.outputs, profile)
        self.max_rows = max_rows
        self.caveats = (DEPENDENT,) if spec.get("rows_depend") else ()
        self.shares = False  # whether a row gets the same answer alone and among others

    @classmethod
    def load(cls, version, settings):
        version.verify()
        try:
            runtime = runtimes.load(version, settings)
            rows = {"background": background_of(version), "profile": profile_of(version)}
            proof = proof_of(version)
        except VersionMismatch as error:
            raise VersionMismatch(f"{version} cannot be loaded: {error}") from None
        except StartupError:
            raise
        except Exception as error:  # a pickle may raise anything; whatever it is, the version cannot serve
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error
        return cls(version.manifest, runtime, proof, **rows, max_rows=settings.max_rows)

    def run(self, call, deadline=None):
        """A TableCall -> TabularAnswer. Raises as `predict`."""
        answer = self.predict(call.instances, call.outputs, call.top_k, deadline)
        if call.warnings:
            answer.warnings = (*call.warnings, *answer.warnings)
        return answer

    def shared_by(self, call):
        table = call.instances
        if not (self.shares and type(table) is Table and table.rows <= min(SMALL, self.max_rows)):
            return None
        if call.outputs and EXPLANATION in call.outputs:
            return None
        return tuple(call.outputs or ()), call.top_k, table.values.dtype

    def run_together(self, calls):
        began = perf_counter()
        names, tables = self._chosen(calls[0].outputs, calls[0].top_k), [call.instances for call in calls]
        ends = np.cumsum([table.rows for table in tables]).tolist()
        raw = self._compute(Table(np.concatenate([table.values for table in tables]), ends[-1]), names)
        seconds = perf_counter() - began
        return [
            TabularAnswer(
                {
                    name: (self.outputs[name], rows_between(raw[name], end - table.rows, end, ends[-1]))
                    for name in names
                },
                table.warnings,
                {"check": 0.0, "queue": 0.0, "predict": seconds},
                call.top_k,
                table=table,
                batch=ends[-1],
            )
            for call, table, end in zip(calls, tables, ends, strict=True)
        ]

    def predict(self, instances, outputs=None, top_k=None, deadline=None):
        """Rows, in any form that the column plan takes -> TabularAnswer.

        `outputs` are names of this model's outputs (default: its first). `top_k` keeps the k most probable labels
        of a row. `deadline`: a `perf_counter()` moment at which a request that waits in a queue gives up, or None.
        Raises InvalidInstances, InvalidParameters, PayloadTooLarge, PredictionFailed or DeadlineExceeded.
        """
        began = perf_counter()
        names = self._chosen(outputs, top_k)
        if (rows := instances.rows if type(instances) is Table else rows_of(instances)) > self.max_rows:
            raise PayloadTooLarge(f"{rows} rows in one request; at most {self.max_rows} are taken")
        if names[-1] == EXPLANATION and rows > MOST_ROWS:
            raise PayloadTooLarge(f"{rows} rows to explain in one request; at most {MOST_ROWS} are explained")
        table = self.plan.read(instances)
        checked = perf_counter()
        try:
            raw = self._compute(table, names, deadline)
        except PredictionFailed as error:
            log.error("%s version %s: %s", self.name, self.version, error.message)
            raise
        except ServiceError:  # its deadline passed while it waited
            raise
        except Exception as error:  # the user's model may raise anything; _blame finds out whose fault it was
            log.exception("%s version %s raised while predicting", self.name, self.version)
            self._blame(instances, [name for name in names if name != EXPLANATION], error)
        # A runtime that lets requests wait for each other says how long they did, and how many rows it answered.
        queued, batch = getattr(raw, "queued", 0.0), getattr(raw, "batch", rows)
        seconds = {"check": checked - began, "queue": queued, "predict": perf_counter() - checked - queued}
        warnings = (*table.warnings, *self.caveats)
        given = {name: (self.answers[name], raw[name]) for name in names}
        return TabularAnswer(given, warnings, seconds, top_k, table=table, batch=batch)

    def warm_up(self):
        for example in [self.manifest.example, *self.proof]:
            self._replay(example)
        if self.profile is not None and self._changes_rows(self.profile.table):
            log.warning(
                "%s version %s changes the rows that it gets: drift cannot be measured", self.name, self.version
            )
            self.profile = None

    def optimize(self, settings):
        """Let concurrent requests share calls, where that pays for this model."""
        if self.plan.container in ("array", "numbers", "objects") and settings.threads > 1 and not self.caveats:
            rows = self.plan.read(self.manifest.example["instances"]).values
            self.shares = alike(self.runtime, rows, self.outputs)
            if self.shares and self.plan.container == "array":
                self.runtime = batched(self.runtime, rows, self.outputs)

    def sample(self):
        return [row for example in [self.manifest.example, *self.proof] for row in example.get("instances", ())]

    def answer_sample(self, items):
        try:
            return self.predict(items).predictions if items else []
        except ServiceError:
            return [self.answer_sample([item])[0] for item in items] if len(items) > 1 else [None]

    def _changes_rows(self, numbers):
        """Whether the runtime writes into its input, as a scaler with copy=False does."""
        instances = self.manifest.example["instances"]
        table, same = self.plan.read(instances), self.plan.read(instances)
        self._compute(table, list(self.outputs))
        return not np.array_equal(numbers.read(table.values), numbers.read(same.values), equal_nan=True)

    def _replay(self, example):
        try:
            raw = self._compute(self.plan.read(example["instances"]), list(example["outputs"]))
            answers = {name: self.outputs[name].plain(raw[name]) for name in example["outputs"]}
        except Exception as error:
            which = f"{self.name} version {self.version}"
            raise StartupError(f"{which} fails on its own example: {in_a_line(error)}") from error
        for name, wanted in example["outputs"].items():
            # A model that computes in float32 is not as near, least of all where its numbers are small: 1 - p of
            # a p close to 1. Its graph was compared in the same way.
            promised = max(PROMISED, self.manifest.spec.get("runtime", {}).get("tolerance", 0.0))
            bounds = promised, promised * largest(wanted) if promised > PROMISED else 1e-9
            if close(answers[name], wanted, *bounds):
                continue
            row = next(row for row, one in enumerate(wanted) if not close(answers[name][row], one, *bounds))
            raise StartupError(
                f"{self.name} version {self.version} answers its own example with {name} = "
                f"{shown(answers[name][row])}, but was packed with {shown(wanted[row])}"
            )

    def _chosen(self, outputs, top_k):
        if not outputs and top_k is None:
            return (self.primary,)
        names = list(dict.fromkeys(outputs or (self.primary,)))
        if EXPLANATION in names:  # beside what it explains, and behind it
            names = [*([name for name in names if name != EXPLANATION] or [self.primary]), EXPLANATION]
        faults = [self._unknown(name) for name in names if name not in self.answers]
        if top_k is not None and not any(self.outputs[name].labels for name in names if name in self.outputs):
            faults.append(
                {"parameter": "top_k", "expected": "an output keyed by label beside it", "got": shown(outputs)}
            )
        if faults:
            raise InvalidParameters.naming(faults)
        return names

    def _unknown(self, name):
        """The fault of an output that there is not."""
        if name == EXPLANATION:
            reason = self.manifest.spec.get(EXPLANATION, {}).get("reason", "it has no background rows: pack it again")
            return {"message": f"outputs: this version explains nothing: {reason}"}
        return {"parameter": "outputs", "expected": f"any of {', '.join(self.answers)}", "got": shown(name)}

    def _compute(self, table, names, deadline=None):
        """{output: what the runtime returned}, one value a row of the declared type.

        Raises PredictionFailed or NotFinite where it is not, DeadlineExceeded, or what the model raises.
        """
        if names[-1] == EXPLANATION:
            return self._compute_explained(table, names[:-1], deadline)
        raw = self.runtime.run(table.values, names, deadline)
        for name in names:
            raw[name] = self.outputs[name].check(raw[name], table.rows)
        return raw

    def _compute_explained(self, table, names, deadline):
        """As `_compute`, with the explanation of the rows."""
        raw = self._compute(table, list(dict.fromkeys([*names, *self.explainer.needs])), deadline)

        def run(values, rows, methods):
            return self._compute(Table(values, rows), methods, deadline)

        return raw | {EXPLANATION: self.explainer.explain(table.values, raw, run, deadline)}

    def _blame(self, instances, names, error):
        """The model raised: name the cells it cannot take, or say that it failed. Always raises."""
        failed = PredictionFailed("the model failed on these rows; they satisfy its schema")
        if not isinstance(error, CELL_FAULTS):
            raise failed from error
        sound, rows = self.manifest.example["instances"][0], self.plan.records(instances)
        try:
            violations = blame(lambda rows: self._works(rows, names), self.plan.columns, sound, rows)
        except Exception as other:  # it does not fail for its cells after all
            raise failed from other
        violations.refuse()
        raise failed from error

    def _works(self, instances, names):
        """Whether the model answers these rows. Raises what no cell is to blame for."""
        try:
            self._compute(self.plan.read(instances), names)
        except (*CELL_FAULTS, InvalidInstances):
            return False
        return True
