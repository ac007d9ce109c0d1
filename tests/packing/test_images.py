"""Checkpoints that classify images: packed as what they are, equal to transformers' pipeline, refused by name."""

import io
import json
import warnings

import pytest
import torch
import transformers
from PIL import Image

from service import models
from service.capabilities import ClassifyImageCall
from service.cli.pack import runtime_sentence
from service.packing.checkpoint_task import kind_of
from service.packing.doctor import examine
from service.packing.images.pack import pack_image_classifier
from service.packing.images.processor import FILE, read_processor
from service.packing.images.samples import samples
from service.settings import Settings
from service.store.contract_changes import breaking
from service.store.versions import Store

VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
VIT |= {"image_size": 32, "patch_size": 8}
SQUARE = {"size": {"height": 32, "width": 32}}
BY_EDGE = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
# Of each architecture: what makes it small, the class of its processor, and what makes that small.
SMALL = {
    "ViT": (VIT, "ViT", SQUARE),
    "DeiT": (VIT, "DeiT", {"size": {"height": 38, "width": 38}, "crop_size": SQUARE["size"]}),
    "Beit": (VIT, "Beit", {"size": {"height": 36, "width": 36}, "crop_size": SQUARE["size"], "do_center_crop": True}),
    "Dinov2": (VIT | {"num_attention_heads": 2}, "Bit", BY_EDGE),
    "ResNet": (
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        *("ConvNext", {"size": {"shortest_edge": 32}, "crop_pct": 0.875}),
    ),
    "ConvNext": (
        {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "image_size": 384},
        *("ConvNext", {"size": {"shortest_edge": 384}}),
    ),
    "Swin": (
        {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
        *("ViT", SQUARE | {"resample": 3}),
    ),
    "MobileNetV2": ({"image_size": 32, "depth_multiplier": 0.25}, "MobileNetV2", BY_EDGE),
    "Levit": (
        {"image_size": 224, "hidden_sizes": [16, 32, 48], "num_attention_heads": [1, 2, 3], "depths": [1, 1, 1]}
        | {"key_dim": [8, 8, 8]},
        *("Levit", {}),
    ),
    "Segformer": (
        {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "decoder_hidden_size": 16},
        *("Segformer", SQUARE),
    ),
    "EfficientNet": (
        {"image_size": 32, "width_coefficient": 0.2, "depth_coefficient": 0.2, "hidden_dim": 256},
        *("EfficientNet", SQUARE | {"rescale_offset": True}),
    ),
    "MobileViT": (
        {"image_size": 32, "hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 16, 16, 16, 16, 32]},
        *("MobileViT", {"size": {"shortest_edge": 36}, "crop_size": SQUARE["size"], "do_flip_channel_order": True}),
    ),
    "PoolFormer": (
        {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        *("PoolFormer", SQUARE | {"crop_pct": 0.9, "crop_size": SQUARE["size"], "do_center_crop": True}),
    ),
    "Siglip": ({"vision_config": VIT}, "Siglip", SQUARE),
}
NAMES = {0: "tench", 1: "goldfish", 2: "shark", 3: "ray", 4: "hen", 5: "cock"}


def checkpoint(folder, name, **values):
    """A checkpoint of random weights, with its image processor."""
    torch.manual_seed(0)
    small, processor, steps = SMALL[name]
    labels = {"id2label": NAMES, "label2id": {label: place for place, label in NAMES.items()}}
    config = getattr(transformers, f"{name}Config")(**labels | small | values)
    getattr(transformers, f"{name}ForImageClassification")(config).eval().save_pretrained(folder)
    getattr(transformers, f"{processor}ImageProcessorPil")(**steps).save_pretrained(folder)
    return folder


def packed(folder, store, **options):
    version = pack_image_classifier(folder, name="it", store=store, **options)
    assert version.manifest.spec["runtime"]["measured"] < 1e-5
    model = models.load(Store(store).open("it"), Settings(store=store, workers=1))
    model.warm_up()
    return model


def equal_to_the_pipeline(model, folder):
    pipeline = transformers.pipeline("image-classification", model=str(folder))
    contents = [each.content for each in samples()]
    given = model.run(ClassifyImageCall(contents)).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of palettes with transparency
        expected = pipeline([Image.open(io.BytesIO(content)) for content in contents])
    for ours, theirs in zip(given, expected, strict=True):
        assert [each["score"] for each in ours] == pytest.approx([each["score"] for each in theirs], abs=1e-5)
        scores = {each["label"]: each["score"] for each in theirs}
        for each in ours:  # those that are nearly alike may change places, and the last one may be another
            assert each["score"] == pytest.approx(scores.get(each["label"], min(scores.values())), abs=1e-5)


def test_a_checkpoint_is_packed_and_equal_to_transformers(tmp_path):
    folder = checkpoint(tmp_path / "it", "ViT")
    assert kind_of(folder) == "image_classification"
    assert "which tells what an image is" in dict(examine(folder))["what it is"]
    model = packed(folder, tmp_path / "store")
    equal_to_the_pipeline(model, folder)
    assert model.manifest.spec["labels"] == [*NAMES.values()]
    assert "equal to transformers on 14 images" in runtime_sentence(model.manifest.spec["runtime"])
    other = type(model.manifest)(**vars(model.manifest) | {"spec": model.manifest.spec | {"labels": ["tench"]}})
    assert breaking(model.manifest, other) == ["the label goldfish, shark, ray, hen, cock is gone"]


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name in SMALL if name != "ViT"])
def test_every_architecture_is_equal_to_the_pipeline(tmp_path, name):
    folder = checkpoint(tmp_path / "it", name)
    equal_to_the_pipeline(packed(folder, tmp_path / "store"), folder)


@pytest.mark.heavy
def test_labels_that_each_hold_or_not_are_those_of_the_pipeline(tmp_path):
    folder = checkpoint(tmp_path / "it", "ViT", problem_type="multi_label_classification")
    equal_to_the_pipeline(packed(folder, tmp_path / "store"), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("checkpoint"), "ViT")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"do_pad": True, "pad_size": {"height": 64, "width": 64}}, "do_pad.*, pad_size"),
        ({"do_thumbnail": True}, "do_thumbnail"),
        ({"size": {"shortest_edge": 32}}, "images of different sizes"),
        ({"size": {"shortest_edge": 32, "longest_edge": 64}, "do_center_crop": True}, "served are height and width"),
        ({"size": "large"}, "cannot be read"),
    ],
)
def test_what_a_processor_does_else_is_refused_by_name(folder, tmp_path, change, said):
    told = json.loads((folder / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(told | {"crop_size": {"height": 32, "width": 32}} | change))
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ValueError, match=said):
        read_processor(tmp_path)


@pytest.mark.parametrize(
    ("options", "change", "said"),
    [
        ({"precision": "int8"}, {}, "float32"),
        ({"context_length": 9}, {}, "no context length"),
        ({}, {"problem_type": "regression"}, "labels are served"),
        ({}, {"num_channels": 1}, "do not fit|channels"),
        ({}, {"architectures": ["ViTModel"]}, "no model for image classification"),
        ({}, {"image_size": 48}, "do not fit|cannot be"),
    ],
)
def test_what_is_not_served_is_refused(folder, tmp_path, options, change, said):
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "config.json").unlink()
    told = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(told | change))
    with pytest.raises(ValueError, match=said):
        pack_image_classifier(tmp_path, name="it", store=tmp_path / "store", **options)


def test_a_processor_that_does_something_else_is_refused_by_its_pixels(folder, tmp_path):
    """That of ViT does not do what the file says, that of EfficientNet would."""
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    told = json.loads((folder / FILE).read_text())
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_text(json.dumps(told | {"include_top": True}))
    with pytest.raises(ValueError, match="ViTImageProcessorPil prepares images otherwise .*300 x 200 RGB JPEG"):
        pack_image_classifier(tmp_path, name="it", store=tmp_path / "store")


def test_a_checkpoint_without_a_processor_is_refused(folder, tmp_path):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ValueError, match=f"holds no {FILE}"):
        pack_image_classifier(tmp_path, name="it", store=tmp_path / "store")
