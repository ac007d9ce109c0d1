"""Whether the prediction log can be written as the settings say; gunicorn's master asks, so numpy stays away.

check_prediction_log(settings)      # BadSetting says why not
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import BadSetting
from .hiding import Hiding

if TYPE_CHECKING:
    from ...settings import Settings

__all__ = ["check_prediction_log"]


def check_prediction_log(settings: Settings) -> None:
    """Raises BadSetting where the log cannot be written as the settings say."""
    if not settings.prediction_log:
        return
    Hiding.of(settings)
    if settings.prediction_log_format == "parquet" and find_spec("pyarrow") is None:
        raise BadSetting("DAYLIGHT_PREDICTION_LOG_FORMAT=parquet needs pyarrow: pip install 'daylight[arrow]'")
    folder = Path(settings.prediction_log)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise BadSetting(f"DAYLIGHT_PREDICTION_LOG: {folder} cannot be made: {error.strerror}") from None
    if not usable:
        raise BadSetting(f"DAYLIGHT_PREDICTION_LOG: {folder} may not be written by this user")
