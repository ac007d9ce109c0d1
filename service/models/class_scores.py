"""What the numbers of a classifier mean, as the pipelines of transformers read them.

scores(logits, "single_label_classification")       # float64 [rows, labels], each row adding up to 1
"""

from __future__ import annotations

import numpy as np

__all__ = ["scores"]


def scores(logits: np.ndarray, problem: str) -> np.ndarray:
    """float32 [rows, labels] -> float64: probabilities as transformers' pipelines compute them, or the numbers."""
    numbers = logits.astype(np.float64)
    if problem == "regression":
        return numbers
    if problem == "multi_label_classification":
        return 1.0 / (1.0 + np.exp(-numbers))
    powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
