"""Who takes part: how each is started, what it is asked and where its labels are.

Every server gets 2 workers and one thread of arithmetic a call. `{bin}` in a command is the folder of the
rival's own programs, `{port}` its port; PEER_ variables name the model's files.
"""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["CEILING", "DAYLIGHT", "HERE", "RIVALS", "ROOT", "Rival", "environment", "inherited"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DAYLIGHT = "daylight"
CEILING = "granian_onnx"
GRAPHS = "fastapi_onnx"  # the rival whose prepare.py and environment compile a pickle for all that run graphs by hand
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
# Settings of this shell or of make that would reach a server; PYTHON... would mix two environments.
PRIVATE = (
    "DAYLIGHT_",
    "PYTHON",
    "MAKE",
    "MLSERVER_",
    "MLFLOW_",
    "BENTOML_",
    "GUNICORN_",
    "UVICORN_",
    "WEB_CONCURRENCY",
)
OWN = {"HOST", "PORT", "BIND", "WORKERS", "THREADS", "WORKER_CLASS", "MFLAGS", "VIRTUAL_ENV"}


def lists(rows, columns):
    return {"instances": rows.tolist()}


def records(rows, columns):
    return {"instances": frame(rows, columns)}


def frame(rows, columns):
    return [dict(zip(columns, row, strict=True)) for row in rows.tolist()]


def tensors(arrays, **more):
    """The Open Inference Protocol's: the numbers of each array in one list, the shape beside them."""
    return more | {
        "inputs": [
            {"name": name, "shape": list(array.shape), "datatype": "FP64", "data": array.ravel().tolist()}
            for name, array in arrays
        ]
    }


def split(rows, columns):
    return {"dataframe_split": {"columns": columns, "data": rows.tolist()}}


@dataclass(frozen=True)
class Rival:
    """One server. `asks`: {form: (rows, columns) -> the body}. `read`: its answer -> labels, as numbers.

    command: starts it, in its own folder; `{module}` there is server or named, by the form. home: the rival whose
    folder and environment it has; "": its own. prepared_by: likewise the rival that prepares its files. echo: whether
    it answers with the request's body: what its server costs without a model.
    """

    title: str
    command: tuple
    path: str = "/predict"
    asks: dict = field(default_factory=lambda: {"lists": lists, "names": records})
    read: object = lambda answer: answer["predictions"]
    env: dict = field(default_factory=dict)
    own: bool = True  # False: it runs in the environment of this benchmark
    home: str = ""
    prepared_by: str = ""
    echo: bool = False

    def needs(self, name):
        """The rivals, by name, whose environments it needs; itself among them."""
        return [each for each in dict.fromkeys((self.home or name, self.prepared_by)) if each] if self.own else []


def echo(name, title, *command):
    """The rival of this name with a bare echo. command: where another one starts it."""
    rival = RIVALS[name]
    parts = command or tuple(part.replace("{module}", "echo") for part in rival.command)
    return replace(rival, title=title, command=parts, home=name, prepared_by="", echo=True, path="/predict")


GUNICORN = (sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"))
LISTEN = ("--host", "127.0.0.1", "--port", "{port}", "--workers", "2")
FAST = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
UVICORN = ("{bin}/uvicorn", "{module}:app", *LISTEN, *FAST)
V1 = "/v1/models/bench:predict"
SERVING = {"HOST": "127.0.0.1", "PORT": "{port}", "WORKERS": "2", "DAYLIGHT_STORE": "{store}", "DAYLIGHT_OPEN": "yes"}

GRANIAN = (
    *("{bin}/granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "--workers", "2"),
    *("--no-access-log", "--log-level", "warning", "{module}:app"),
)
ROBYN = ("{bin}/python", "{module}.py", "--processes", "2", "--workers", "1", "--log-level", "WARN")
MOSEC = ("{bin}/python", "{module}.py", "--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning")

RIVALS = {
    DAYLIGHT: Rival("Daylight", GUNICORN, V1, env=SERVING, own=False),
    "daylight_nginx": Rival(
        "Daylight behind nginx",
        (sys.executable, str(HERE / "behind_nginx.py"), *GUNICORN),
        V1,
        env=SERVING,
        own=False,
    ),
    # MLServer's own bodies, a tensor a column or one for all: the two servers speak one protocol.
    "daylight_v2": Rival(
        "Daylight, asked as MLServer is",
        GUNICORN,
        "/v2/models/bench/infer",
        asks={
            "lists": lambda rows, columns: tensors([("rows", rows)]),
            "names": lambda rows, columns: tensors(zip(columns, rows.T[:, :, None], strict=True)),
        },
        read=lambda answer: answer["outputs"][0]["data"],
        env=SERVING,
        own=False,
    ),
    "fastapi_onnx": Rival("FastAPI + ONNX Runtime by hand", UVICORN),
    CEILING: Rival("the ceiling: granian + a bare function", GRANIAN, prepared_by=GRAPHS),
    "robyn_onnx": Rival("Robyn + ONNX Runtime by hand", ROBYN, prepared_by=GRAPHS),
    "mosec_onnx": Rival("mosec + ONNX Runtime by hand", MOSEC, prepared_by=GRAPHS),
    "pytriton_onnx": Rival(
        "PyTriton + ONNX Runtime by hand",
        ("{bin}/python", "{module}.py"),
        "/v2/models/bench/infer",
        asks={
            "lists": lambda rows, columns: tensors([("rows", rows)]),
            "names": lambda rows, columns: tensors(zip(columns, rows.T[:, :, None], strict=True)),
        },
        read=lambda answer: answer["outputs"][0]["data"],
        env={"PEER_HTTP": "{port}", "PEER_GRPC": "{port2}", "PEER_METRICS": "{port3}"},
        prepared_by=GRAPHS,
    ),
    "fastapi_sklearn": Rival("FastAPI + scikit-learn", UVICORN),
    "litserve": Rival("LitServe", ("{bin}/python", "{module}.py")),
    "mlserver": Rival(
        "MLServer",
        ("{bin}/mlserver", "start", "{folder}"),
        "/v2/models/bench/infer",
        asks={
            "lists": lambda rows, columns: tensors([("rows", rows)]),
            "names": lambda rows, columns: tensors(
                zip(columns, rows.T[:, :, None], strict=True), parameters={"content_type": "pd"}
            ),
        },
        read=lambda answer: answer["outputs"][0]["data"],
        env={
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{port2}",
            "MLSERVER_METRICS_PORT": "{port3}",
            "MLSERVER_PARALLEL_WORKERS": "2",
            "MLSERVER_DEBUG": "false",
            "MLSERVER_MODEL_NAME": "bench",
            "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
            "MLSERVER_MODEL_URI": "{model}",
        },
    ),
    "bentoml": Rival(
        "BentoML",
        ("{bin}/bentoml", "serve", "{module}:Predictor", "--host", "127.0.0.1", "--port", "{port}"),
        read=lambda answer: answer,
        env={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}"},
    ),
    "mlflow": Rival(
        "MLflow",
        ("{bin}/mlflow", "models", "serve", "--model-uri", "{folder}/model", "--env-manager", "local", *LISTEN),
        "/invocations",
        asks={"lists": lambda rows, columns: {"inputs": rows.tolist()}, "names": split},
        env={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
    ),
    "article": Rival(
        "the article's code",
        ("{bin}/gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "--log-level", "warning", "server:app"),
        asks={"lists": lambda rows, columns: rows.tolist(), "names": frame},
        read=lambda answer: [int(label) for label in answer["text"]],
    ),
}

RIVALS |= {
    "daylight_echo": echo(DAYLIGHT, "echo: Daylight's worker", *GUNICORN, "benchmarks.peers.echo:app"),
    "fastapi_echo": echo("fastapi_onnx", "echo: FastAPI on uvicorn"),
    "granian_echo": echo(CEILING, "echo: granian"),
    "robyn_echo": echo("robyn_onnx", "echo: Robyn"),
    "mosec_echo": echo("mosec_onnx", "echo: mosec"),
}


def inherited():
    """This process's variables without any settings."""
    return {name: value for name, value in os.environ.items() if name not in OWN and not name.startswith(PRIVATE)}


def environment(rival, places):
    """The variables of a rival's process: this one's without any settings, thread caps, its own. places: str -> str."""
    capped = {f"{library}_NUM_THREADS": "1" for library in THREADS}
    files = {"PEER_MODEL": "{model}", "PEER_ROWS": "{rows}", "PEER_COLUMNS": "{names}", "PEER_FOLDER": "{folder}"}
    asked = files | {"PEER_PORT": "{port}", "PATH": "{bin}" + os.pathsep + os.environ["PATH"]} | rival.env
    return inherited() | capped | {name: value.format_map(places) for name, value in asked.items()}
