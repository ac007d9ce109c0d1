"""`daylight image`: what it writes. tests/deploy/test_image.py runs every instruction of it."""

import json
import re

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cli.image_locks import requirements
from service.cli.image_needs import pins
from service.errors import StartupError
from service.store.versions import Store
from tests.support.dockerfile import instructions


def image(store, folder, *options, name="iris"):
    return CliRunner().invoke(main, ["image", name, "--store", str(store), "-o", str(folder), "--no-build", *options])


def test_a_compiled_table_needs_a_bare_install_alone(tabular_store, tmp_path):
    ran = image(tabular_store, tmp_path / "image")
    assert ran.exit_code == 0, ran.output
    assert f"docker build -t iris:1 {tmp_path / 'image'}" in ran.output
    listed = (tmp_path / "image" / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in listed}
    assert {"flask", "gunicorn", "numpy", "onnxruntime", "markupsafe", "protobuf"} <= names
    assert not names & {"scikit-learn", "pandas", "pyarrow", "torch", "transformers", "cryptography", "daylight"}
    assert Store(tmp_path / "image" / "store").open("iris").manifest.version == "1"
    assert (tmp_path / "image" / "daylight" / "blueprints" / "templates").is_dir()
    assert not list((tmp_path / "image").rglob("__pycache__"))


def test_further_extras_are_added(tabular_store, tmp_path):
    ran = image(tabular_store, tmp_path / "image", "--with", "redis", "--with", "arrow")
    assert ran.exit_code == 0, ran.output
    listed = (tmp_path / "image" / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in listed}
    assert {"redis", "pyarrow", "flask"} <= names
    assert not names & {"pandas", "s3fs"}
    assert image(tabular_store, tmp_path / "other", "--with", "torch").exit_code == 2


def test_every_library_has_the_hashes_of_the_lock_files_or_none_has():
    assert re.fullmatch(
        r"flask==3\.1\.3 \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", requirements({"flask": "3.1.3"})
    )
    told = requirements({"flask": "3.1.3", "numpy": "1.0"})
    assert told.splitlines()[1:] == ["flask==3.1.3", "numpy==1.0"]
    assert told.startswith("# without hashes: the lock files of this release do not have numpy 1.0")


def test_the_dockerfile_ends_in_an_image_that_may_do_nothing_but_serve(tabular_store, tmp_path):
    image(tabular_store, tmp_path / "image")
    lines = instructions((tmp_path / "image" / "Dockerfile").read_text())
    (_, last) = [at for at, (name, _) in enumerate(lines) if name == "FROM"]
    stage = dict(lines[last:])
    uid, _, gid = stage["USER"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert json.loads(stage["ENTRYPOINT"])[1:] == ["-m", "daylight.server"]
    assert json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])[1] == "-c"
    assert "RUN" not in stage, "the last base has no shell"
    assert "DAYLIGHT_OPEN" not in stage["ENV"], "whoever starts it says who may ask"
    assert "iris version 1, tabular" in stage["LABEL"]


def test_a_mounted_store_is_not_copied(tabular_store, tmp_path):
    image(tabular_store, tmp_path / "image", "--mount")
    assert not (tmp_path / "image" / "store").exists()
    text = (tmp_path / "image" / "Dockerfile").read_text()
    assert "DAYLIGHT_STORE=/mnt/models" in text
    assert "COPY store" not in text


def test_a_folder_with_something_in_it_is_left_alone(tabular_store, tmp_path):
    (tmp_path / "mine").write_text("mine")
    ran = image(tabular_store, tmp_path)
    assert (ran.exit_code, [path.name for path in tmp_path.iterdir()]) == (1, ["mine"])
    assert "is not empty" in ran.output


def test_a_model_that_is_not_there_is_named(tabular_store, tmp_path):
    ran = image(tabular_store, tmp_path / "image", name="irsi")
    assert ran.exit_code == 1
    assert "iris" in ran.output
    assert not (tmp_path / "image").exists()


def test_extras_and_the_libraries_of_estimators_are_pinned_with_all_that_they_need():
    assert {"tokenizers", "llguidance", "jinja2"} <= pins(["text"]).keys()
    assert "torch" not in pins(["text"])
    with_trees = pins(["sklearn"], ["lightgbm"])
    assert {"scikit-learn", "scipy", "lightgbm", "pandas"} <= with_trees.keys()
    with pytest.raises(StartupError, match=r"not installed here: no-such-thing; pip install 'daylight\[text\]'"):
        pins(["text"], ["no-such-thing"])
