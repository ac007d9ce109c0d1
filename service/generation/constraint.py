"""Constrained output: text that fits a JSON schema, a pattern or a choice, whatever the model finds more probable.

    constraints = Constraints(tokenizer.to_str, vocabulary_size=49152, eos_ids={2})
    grammar = constraints.grammar({"type": "choice", "choices": ["yes", "no"]})   # raises InvalidParameters
    guide = constraints.guide(grammar)                                            # so does this
    guide.masked(logits), guide.accept(token)                                   # one step of one sequence

Each grammar is tried out once in a process of its own, and compiled on the thread of the request; the engine's thread
only follows it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidParameters

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

__all__ = ["Constraints", "Guide", "no_guide"]

CACHED_VERDICTS = 256
PROGRAM = Path(__file__).with_name("grammar.py")
TOO_COMPLEX = "it is too complex"
TRIAL_TIMEOUT = 30  # seconds; a trial's processor time is bounded, but the machine may be busy


@dataclass(frozen=True)
class Verdict:
    """The outcome of a trial: the grammar; or the reason why the constraint cannot be followed, "" where it can."""

    grammar: str = ""
    reason: str = ""


class Constraints:
    """The constraints of one model. llguidance and its copy of the vocabulary are loaded at the first one."""

    def __init__(self, tokenizer_json: Callable[[], str], *, vocabulary_size: int, eos_ids: Iterable[int]) -> None:
        """tokenizer_json: returns the text of a tokenizer.json."""
        self._tokenizer_json, self._vocabulary_size, self._eos_ids = tokenizer_json, vocabulary_size, sorted(eos_ids)
        self._tokenizer: LLTokenizer | None = None  # made when it is first needed: that takes half a second
        self._tokenizer_lock = threading.Lock()
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()  # by the constraint as JSON
        self._verdicts_lock = threading.Lock()

    def grammar(self, constraint: dict[str, Any]) -> str:
        """The constraint as a grammar that was tried out. Raises InvalidParameters where it cannot be followed."""
        verdict = self._verdict(constraint)
        if verdict.reason:
            raise refusal(verdict.reason)
        return verdict.grammar

    def guide(self, grammar: str) -> Guide:
        """A Guide of a new text. Raises InvalidParameters where the grammar cannot be followed."""
        from .grammar import matcher

        try:
            # A new matcher for each text: copies of one share the parser's states, and the bound on their number.
            return Guide(matcher(self._vocabulary(), grammar))
        except ValueError as error:
            raise refusal(str(error)) from None

    def why_not(self, constraint: dict[str, Any]) -> str:
        """The reason why a constraint cannot be followed; "" where it can."""
        return self._verdict(constraint).reason

    def _verdict(self, constraint: dict[str, Any]) -> Verdict:
        key = json.dumps(constraint)
        with self._verdicts_lock:
            verdict = self._verdicts.get(key)
        verdict = verdict or try_out(constraint)
        with self._verdicts_lock:
            self._verdicts[key] = verdict
            self._verdicts.move_to_end(key)
            if len(self._verdicts) > CACHED_VERDICTS:
                self._verdicts.popitem(last=False)
        return verdict

    def _vocabulary(self) -> LLTokenizer:
        """The model's tokens as llguidance knows them. Raises ValueError for a tokenizer that it cannot read."""
        from llguidance import LLTokenizer

        if not self._eos_ids:
            raise ValueError("this model has no end token, so nothing could end a constrained text")
        with self._tokenizer_lock:
            if self._tokenizer is None:
                self._tokenizer = LLTokenizer(
                    self._tokenizer_json(), n_vocab=self._vocabulary_size, eos_token=self._eos_ids
                )
            return self._tokenizer


class Guide:
    """The tokens that may come next in one text. For the engine's thread."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def masked(self, scores: np.ndarray) -> np.ndarray:
        """scores: float array [vocabulary], not changed -> the same with -inf for each token that may not come.

        An end token may come only where the text is whole. Raises InvalidParameters where a step takes too long.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        allowed = np.unpackbits(bits, count=len(scores), bitorder="little")
        return np.where(allowed, scores, -np.inf)

    def accept(self, token: int) -> None:
        """The token was sampled."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise refusal("it became too complex while the text was generated")


def no_guide(grammar: str) -> Guide:
    """For an engine of a model that follows no grammars."""
    raise ValueError(f"this engine follows no grammar, and was given one of {len(grammar)} characters")


def try_out(constraint: dict[str, Any]) -> Verdict:
    """Make a constraint's grammar and follow it for a few tokens, in a process that can be killed."""
    from .grammar import SEPARATOR, grammar, trials

    try:
        text, tried = grammar(constraint), SEPARATOR.join(trials(constraint))
    except ValueError as error:
        return Verdict(reason=str(error))
    except RecursionError:
        return Verdict(reason=TOO_COMPLEX)
    try:
        trial = subprocess.run(
            [sys.executable, "-I", str(PROGRAM)],
            input=tried.encode(),
            capture_output=True,
            timeout=TRIAL_TIMEOUT,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return Verdict(reason=TOO_COMPLEX)
    if trial.returncode == 0:
        return Verdict(text)
    message = trial.stderr.decode(errors="replace").strip()
    # Another status than 1: the process was killed at its bounds.
    return Verdict(reason=message if trial.returncode == 1 and message else TOO_COMPLEX)


def refusal(reason: str) -> InvalidParameters:
    expected, sentence = "a constraint that can be followed", f"the text cannot be held to this form: {reason}"
    return InvalidParameters.naming(
        [{"parameter": "constraint", "expected": expected, "got": reason, "message": sentence}]
    )
