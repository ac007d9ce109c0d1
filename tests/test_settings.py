"""Settings are read and typed; unknown ones are refused by name, and all faults are named together."""

from pathlib import Path

import pytest

from service.errors import BadSetting
from service.settings import Settings, cores


def test_values_are_read_and_typed():
    settings = Settings.from_environ({"PORT": "80", "DAYLIGHT_STORE": "/models", "UNRELATED": "1"})
    assert (settings.port, settings.store) == (80, Path("/models"))
    assert settings.max_body_bytes == 16 * 2**20


def test_an_unknown_setting_is_refused_by_name_with_the_near_one():
    with pytest.raises(BadSetting, match=r"DAYLIGHT_STOER is not a setting; did you mean DAYLIGHT_STORE\?"):
        Settings.from_environ({"DAYLIGHT_STOER": "x"})


def test_every_fault_is_told_at_once():
    with pytest.raises(BadSetting) as caught:
        Settings.from_environ({"DAYLIGHT_NONSENSE": "x", "PORT": "twelve", "WORKERS": "0"})
    for told in ("DAYLIGHT_NONSENSE", "PORT='twelve'", "WORKERS='0'"):
        assert told in str(caught.value)


def test_workers_times_compute_threads_never_exceed_the_cores():
    for workers in range(1, 2 * cores()):
        settings = Settings(workers=workers)
        assert settings.compute_threads == 1 or workers * settings.compute_threads <= cores()


def test_a_share_is_one_for_all_or_has_others_for_some():
    def read(text):
        return dict(Settings.from_environ({"DAYLIGHT_PREDICTION_LOG_SHARE": text}).prediction_log_share)

    assert read("0.1") == {"": 0.1}
    assert read("0.1, tumour=1,smollm2 = 0") == {"": 0.1, "tumour": 1, "smollm2": 0}
    assert read("tumour=1") == {"tumour": 1}


@pytest.mark.parametrize("text", ["2", "-0.1", "x", "nan", "=0.5", "0.1,0.2", "tumour=", "tumour=1,tumour=0"])
def test_what_is_no_share_is_told(text):
    with pytest.raises(BadSetting, match="expected numbers from 0 to 1"):
        Settings.from_environ({"DAYLIGHT_PREDICTION_LOG_SHARE": text})
