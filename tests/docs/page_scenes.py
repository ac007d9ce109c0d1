"""What a page takes for granted: small files of every sort, written as their owners would write them, and servers.

    SCENES["docs/pickles.md"](reader)       # writes churn.pkl, sample.csv, ... into the folder of a Reader

Functions that need torch import it themselves: most pages do without.
"""

import json
import os
import subprocess
import sys

from benchmarks.support.serving import ROOT, live_server
from client import Client
from service.packing import pack_file

from .page_blocks import PAGES, steps
from .page_programs import ESTIMATORS, IRIS, LEAVES, MLMODEL, MY_STEPS, ROWS, SCRIPT, SPY, TUMOURS

__all__ = ["DEMO", "QUICK", "SCENES"]


def python(folder, program):
    """Run a program in a process of its own, where modules of the folder can be imported."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True)


def training():
    """The program of start.md that writes churn.pkl and sample.csv."""
    return next(step.text for step in steps(PAGES["docs/start.md"]) if step.file == "train.py")


def nothing(reader):
    """The page makes what it needs."""


def pickles(reader):
    folder = reader.folder
    (folder / "mysteps.py").write_text(MY_STEPS)
    (folder / "spy.py").write_text(SPY)
    python(folder, training())
    python(folder, ESTIMATORS)


def notebook(reader):
    """Beside the files, the names that a notebook has after training."""
    python(reader.folder, training())
    reader.names = "import joblib, pandas\nestimator, rows = joblib.load('churn.pkl'), pandas.read_csv('sample.csv')\n"
    reader.names += "X, y = rows[['age', 'plan']], rows.left"


def boosted_trees(reader):
    python(reader.folder, training())
    python(reader.folder, LEAVES)


def checkpoint(reader):
    from tests.support.tiny_text import save_checkpoint

    save_checkpoint(reader.folder / "writer")


def encoder(reader):
    import torch
    import transformers

    from tests.support.small_encoders import SMALL
    from tests.support.tiny_tokenizers import SIZE, tokenizer_of

    torch.manual_seed(0)
    labels = {0: "negative", 1: "positive"}
    config = transformers.BertConfig(**SMALL | {"id2label": labels, "vocab_size": SIZE})
    transformers.BertForSequenceClassification(config).eval().save_pretrained(reader.folder / "reviews")
    tokenizer_of("wordpiece").save_pretrained(reader.folder / "reviews")


def images(reader):
    import torch
    import transformers

    from tests.support.tiny_images import picture

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.ViTConfig(image_size=32, patch_size=8, id2label={0: "tabby", 1: "beagle"}, **sizes)
    network = transformers.ViTForImageClassification(config).eval()
    torch.nn.init.constant_(network.classifier.bias[:1], 9.0)  # whatever it sees, it is a tabby
    folder = reader.folder / "vit-base-patch16-224"
    network.save_pretrained(folder)
    transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    (reader.folder / "cat.jpg").write_bytes(picture((200, 150, 90), form="JPEG"))


def networks(reader):
    """The state dict of the page's class, and TorchScript."""
    module = next(step.text for step in steps(PAGES["docs/networks.md"]) if step.file == "net.py")
    python(reader.folder, f"{module}\ntorch.save(Net().state_dict(), 'net.pt')\n{SCRIPT}")


def elsewhere(reader):
    """The folders of other servers."""
    import numpy as np
    import onnx
    from onnx import helper

    from tests.support import graphs
    from tests.support.tiny_text import save_checkpoint

    folder = reader.folder
    python(folder, training().replace('["S", "M", "L"]', "[1, 2, 3]"))
    text = (folder / "sample.csv").read_text()
    (folder / "sample.csv").write_text(text.replace("left", "label", 1))
    (folder / "iris.py").write_text(IRIS)
    model = folder / "mlruns" / "1" / "abc" / "artifacts" / "model"
    model.mkdir(parents=True)
    (model / "MLmodel").write_text(MLMODEL)
    lines = [line.split(",") for line in text.splitlines()[1:4]]
    example = {"columns": ["age", "plan"], "data": [[int(age), int(plan)] for age, plan, _ in lines]}
    (model / "input_example.json").write_text(json.dumps(example))
    bento = folder / "bentoml" / "models" / "iris" / "abc"
    bento.mkdir(parents=True)
    for place in (model / "model.pkl", bento / "saved_model.pkl", folder / "classifier.pkl"):
        place.write_bytes((folder / "churn.pkl").read_bytes())
    save_checkpoint(folder / "my-checkpoint")
    encoder(reader)
    made = next(step.text for step in steps(PAGES["docs/networks.md"]) if step.language == "python" and not step.file)
    python(folder, made.replace("digits.pt2", "model.pt2"))
    weighted = graphs.model(
        [helper.make_node("MatMul", ["X", "weights"], ["y"])],
        [graphs.value("X", shape=["rows", 2])],
        [graphs.value("y", shape=["rows", 1])],
        {"weights": np.array([[0.5], [2.0]], np.float32)},
    )
    onnx.save(weighted, folder / "model.onnx")


def on_call(reader):
    """A server with two versions of a model, that was asked, and a log of what it answered."""
    folder = reader.folder
    python(folder, training())
    for _ in range(2):
        pack_file(folder / "churn.pkl", data=folder / "sample.csv", target=("left",), store=folder / "artifacts")
    log = folder / "log"
    reader.url = reader.enter_context(live_server(folder / "artifacts", env={"DAYLIGHT_PREDICTION_LOG": str(log)}))
    reader.keeps = True
    with Client(reader.url) as client:
        client.predict([{"age": 61, "plan": "S"}])
    reader.words = {"SERVER": reader.url, "NAME": "churn", "/var/log/daylight-answers": log, "KEY": "none"}


def drift(reader):
    """The same, with files of rows and of a key."""
    on_call(reader)
    folder = reader.folder
    (folder / "key.txt").write_text("dl_none\n")
    (folder / "rows").mkdir()
    python(folder, "import pandas; pandas.read_csv('sample.csv').to_parquet('rows/june.parquet')")


def demo(reader):
    """The demo models' server is there, and their files; `churn` is served by another one, for frames."""
    folder = reader.folder
    for name in ("data.csv", "classifier.pkl"):
        (folder / name).symlink_to(ROOT / "artifacts" / name)
    reader.words = {"/etc/daylight/keys.json": folder / "keys.json"}


def callers(reader):
    """Files that callers have: rows in every format, a text; a frame, and the client of a model for it."""
    demo(reader)
    reader.environment["DAYLIGHT_STORE"] = str(ROOT / "artifacts")
    python(reader.folder, ROWS)
    (reader.folder / "text.json").write_text('{"text": "Once upon a time"}')
    notebook(reader)
    pack_file(
        reader.folder / "churn.pkl", data=reader.folder / "sample.csv", target=["left"], store=reader.folder / "s"
    )
    frames = reader.enter_context(live_server(reader.folder / "s"))
    reader.names += f"\nfrom client import AsyncClient, Client\ndaylight, frame = Client({str(frames)!r}), X\n"
    reader.words |= {"daylight_client": "client"}


def watched(reader):
    """A model of four versions, of which the third answers and the fourth sees some rows otherwise; rows to ask."""
    python(reader.folder, TUMOURS)
    for place, version in enumerate("3334", 1):
        file, data = reader.folder / f"{version}.pkl", reader.folder / "rows.parquet"
        pack_file(file, name="tumour", data=data, store=reader.folder / "artifacts", promote=place < 4)
    reader.words = {"/var/log/daylight-answers": reader.folder / "log"}


def bucket(reader):
    """A server that speaks S3, with a bucket, and a folder with a model."""
    from tests.support.s3_server import s3_server

    python(reader.folder, training())
    folder = reader.folder
    pack_file(folder / "churn.pkl", data=folder / "sample.csv", target=["left"], store=folder / "artifacts")
    s3 = reader.enter_context(s3_server())
    s3.bucket("models")
    reader.environment |= s3.environment


# They take the demo models' server as given.
DEMO = {"README.md", "client/README.md", "docs/clients.md", "docs/images.md"}
SCENES = {
    "README.md": demo,
    "client/README.md": callers,
    "docs/start.md": nothing,
    "docs/pickles.md": pickles,
    "docs/boosted-trees.md": boosted_trees,
    "docs/checkpoints.md": checkpoint,
    "docs/encoders.md": encoder,
    "docs/image-classifiers.md": images,
    "docs/networks.md": networks,
    "docs/python-classes.md": nothing,
    "docs/packing.md": notebook,
    "docs/trust.md": pickles,
    "docs/moving.md": elsewhere,
    "docs/clients.md": callers,
    "docs/images.md": callers,
    "docs/kubernetes.md": nothing,
    "docs/on-call.md": on_call,
    "docs/drift.md": drift,
    "docs/stores.md": bucket,
    "docs/watching.md": watched,
}
# The first pages, without torch: half a minute of two processors. `make test-docs` runs the others, too.
QUICK = {
    "README.md",
    "docs/start.md",
    "docs/python-classes.md",
    "docs/kubernetes.md",
    "docs/images.md",
    "docs/clients.md",
}
