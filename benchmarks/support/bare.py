"""What gunicorn's hooks ask of an application, for one that serves no model.

app.extensions["daylight"] = bare_services()
"""

from types import SimpleNamespace

__all__ = ["bare_services"]


def bare_services(direct=None):
    """No model has failed, none predicts, and nobody has to be told of a worker's begin and end.

    direct: what answers without WSGI, as service.web.direct.Direct does; None: nothing.
    """
    rollout = SimpleNamespace(start=lambda **_: None, drain=lambda: None, leave=lambda: None)
    admission = SimpleNamespace(oldest=lambda: ("", 0.0), waits=dict)
    predictor = SimpleNamespace(
        failure=None, admission=admission, restrict=lambda unfit: None, serving=dict, observers=()
    )
    return SimpleNamespace(predictor=predictor, rollout=rollout, direct=direct, meter=None, traces=None)
