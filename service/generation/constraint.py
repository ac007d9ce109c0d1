"""Constrained output: text that fits a JSON schema, a pattern or a choice, whatever the model would rather write.

constraints = Constraints(tokenizer.to_str(), vocabulary_size=49152, eos_ids={2})
guide = constraints.guide({"type": "choice", "choices": ["yes", "no"]})     # raises InvalidParameters
guide.masked(logits), guide.accept(token)                                   # one step of one row

Grammars are tried out in a process of their own, once for all who ask the same, and compiled on the thread of
whoever asks; the engine's thread only follows them.
"""

import json
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from ..errors import InvalidParameters

__all__ = ["Constraints", "Guide"]

KEPT = 256  # verdicts
PROGRAM = Path(__file__).with_name("grammar.py")
TOO_COMPLEX = "it is too complex"
PATIENCE = 30  # seconds for a trial whose processor time is bounded, on a machine that is busy otherwise


class Constraints:
    """Those of one model: no weight at all before the first, then llguidance and its copy of the vocabulary."""

    def __init__(self, tokenizer_json, *, vocabulary_size, eos_ids):
        """tokenizer_json: a function that gives the text of a tokenizer.json."""
        self._tokenizer_json, self._vocabulary_size, self._eos_ids = tokenizer_json, vocabulary_size, sorted(eos_ids)
        self._tokenizer = None
        self._verdicts = OrderedDict()  # constraint as JSON -> (its grammar, or None; why there is none)
        self._lock = threading.Lock()  # over _verdicts
        self._reading = threading.Lock()  # over _tokenizer, which takes half a second to make

    def guide(self, constraint):
        """A Guide of a new text. Raises InvalidParameters where the constraint cannot be followed."""
        from .grammar import matcher

        described, why = self._verdict(constraint)
        if why:
            raise refused(why)
        try:
            # For each text anew: copies share the states found so far, and a bound on how many there may be.
            return Guide(matcher(self._vocabulary(), described))
        except ValueError as error:
            raise refused(str(error)) from None

    def _verdict(self, constraint):
        key = json.dumps(constraint)
        with self._lock:
            found = self._verdicts.get(key)
        found = found or judged(constraint)
        with self._lock:
            self._verdicts[key] = found
            self._verdicts.move_to_end(key)
            if len(self._verdicts) > KEPT:
                self._verdicts.popitem(last=False)
        return found

    def _vocabulary(self):
        """The model's tokens as llguidance knows them. Raises ValueError for a tokenizer that it cannot read."""
        from llguidance import LLTokenizer

        if not self._eos_ids:
            raise ValueError("this model has no end token, so nothing could end a constrained text")
        with self._reading:
            if self._tokenizer is None:
                given = self._tokenizer_json()
                self._tokenizer = LLTokenizer(given, n_vocab=self._vocabulary_size, eos_token=self._eos_ids)
            return self._tokenizer


class Guide:
    """What may come next in one text. For the engine's thread."""

    def __init__(self, matcher):
        self._matcher = matcher

    def masked(self, scores):
        """scores: float array [vocabulary], not changed -> the same with minus infinity where a token may not come.

        An end token may come only where the text is whole. Raises InvalidParameters where following it takes too long.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        allowed = np.unpackbits(bits, count=len(scores), bitorder="little")
        return np.where(allowed, scores, -np.inf)

    def accept(self, token):
        """The token was written."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self):
        if self._matcher.is_error():
            raise refused("it became too complex while the text was written")


def judged(constraint):
    """(its grammar, None), after a trial in a process of its own; or (None, why it cannot be had)."""
    from .grammar import grammar

    try:
        described = grammar(constraint)
    except ValueError as error:
        return None, str(error)
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PROGRAM)],
            input=described.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return None, TOO_COMPLEX
    if done.returncode == 0:
        return described, None
    told = done.stderr.decode(errors="replace").strip()
    return None, told if done.returncode == 1 and told else TOO_COMPLEX  # killed at its bounds


def refused(why):
    expected = "a constraint that can be followed"
    return InvalidParameters(
        f"constraint: {why}", details=[{"parameter": "constraint", "expected": expected, "got": why}]
    )
