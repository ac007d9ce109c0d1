"""A model of a table, and prediction logs of what it answers."""

import pytest

from service.models import load
from service.observability.metrics import Meter
from service.observability.prediction_log.log import PredictionLog
from service.settings import Settings
from service.store.versions import Store
from tests.support.prediction_logs import InThisProcess


@pytest.fixture(scope="module")
def iris(tabular_store):
    return load(Store(tabular_store).open("iris"), Settings(store=tabular_store))


@pytest.fixture
def logging(tmp_path, monkeypatch):
    """log(**settings): a PredictionLog without a thread or a process, whose folder is `log`."""
    monkeypatch.setattr("service.observability.prediction_log.log.WriterProcess", InThisProcess)

    def begin(**more):
        log = PredictionLog(Settings(prediction_log=str(tmp_path / "log"), **more), Meter())
        log.start = lambda: None
        log.flush = log._send_waiting
        return log

    return begin
