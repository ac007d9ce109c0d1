"""Which columns the prediction log leaves out, and which it holds as hashes.

    hiding = Hiding.of(settings)
    hidden = hiding.of_model("churn")               # {"email": "hashed", "name": "redacted"}
    hiding.apply({"email": "a@b.c", "name": "Ann", "age": 31}, hidden)      # {"email": "2f1c...", "age": 31}

A hash is HMAC-SHA256 of the cell as JSON, its first 32 hex digits: equal cells have equal hashes, and without the key
nobody can try which cell has one. A missing cell stays missing, and a float that is a whole number is hashed as that
number, for callers write 1 and 1.0 alike.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import BadSetting

if TYPE_CHECKING:
    from ...settings import Settings

__all__ = ["HASHED", "REDACTED", "Hiding", "Names"]

HASHED, REDACTED = "hashed", "redacted"
DIGITS = 32  # of a hash, in hex: 128 bits
Names = Mapping[str, str]  # of what a model hides: {column: HASHED or REDACTED}


class Hiding:
    """redacted, hashed: names of columns, each `COLUMN` of every model, or `MODEL:COLUMN`. key: of the hashes."""

    def __init__(self, redacted: Sequence[str] = (), hashed: Sequence[str] = (), key: str = "") -> None:
        self._named = {**dict.fromkeys(hashed, HASHED), **dict.fromkeys(redacted, REDACTED)}
        self._key = key.encode()

    @classmethod
    def of(cls, settings: Settings) -> Hiding:
        """Raises BadSetting where there is something to hash and no key."""
        if settings.prediction_log_hash and not settings.prediction_log_key:
            raise BadSetting("DAYLIGHT_PREDICTION_LOG_HASH needs a key of its hashes: DAYLIGHT_PREDICTION_LOG_KEY")
        return cls(settings.prediction_log_redact, settings.prediction_log_hash, settings.prediction_log_key)

    def of_model(self, model: str) -> Names:
        """What is hidden of this model; a name with the model's own goes before one of every model."""
        every = {name: how for name, how in self._named.items() if ":" not in name}
        own = {name.partition(":")[2]: how for name, how in self._named.items() if name.startswith(f"{model}:")}
        return every | own

    def unknown(self, columns: Mapping[str, Sequence[str]]) -> list[str]:
        """The names that no model has. columns: {model: its columns, and the fields of its answers}."""
        present = {f"{model}:{column}" for model, names in columns.items() for column in names}
        present |= {column for names in columns.values() for column in names}
        return sorted(self._named.keys() - present)

    def apply(self, values: dict[str, Any], hidden: Names) -> dict[str, Any]:
        """The values of a row without what is redacted, and hashes in the place of what is hashed."""
        kept = {name: value for name, value in values.items() if hidden.get(name) != REDACTED}
        for name in kept.keys() & hidden.keys():
            kept[name] = self.hash(kept[name])
        return kept

    def hash(self, value: Any) -> str | None:
        if value is None or value != value:  # NaN, which is a missing number
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGITS]
