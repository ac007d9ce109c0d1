"""What a checkpoint does with an image before its network reads it: preprocessor_config.json as steps of our own.

    processor, steps = read_processor(Path("vit-base-patch16-224"))
    steps       # {"resize": {"height": 224, "width": 224}, "resample": 2, "crop": None, "rescale": 0.00392, ...}

The steps are those that transformers' image processors on Pillow share, with what those of ConvNeXT, LeViT, PoolFormer,
EfficientNet and MobileViT do in their own way. What the file asks for beyond them is refused by name; a processor that
does something else is found by the proof.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoImageProcessor
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.levit.image_processing_pil_levit import LevitImageProcessorPil
from transformers.models.poolformer.image_processing_pil_poolformer import PoolFormerImageProcessorPil

from ...errors import in_a_line
from ..checkpoint import reading
from ..checkpoint_task import read_json

__all__ = ["FILE", "read_processor"]

FILE = "preprocessor_config.json"
# Of the file: what the steps are made of, and what says nothing about pixels.
STEPS = frozenset(
    ("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor", "do_normalize")
) | {"image_mean", "image_std", "do_convert_rgb", "crop_pct", "default_to_square"}
STEPS |= {"include_top", "rescale_offset", "do_flip_channel_order"}
SILENT = frozenset(
    ("image_processor_type", "feature_extractor_type", "processor_class", "_valid_processor_keys", "return_tensors")
) | {"disable_grouping", "device", "auto_map", "input_data_format", "do_reduce_labels", "reduce_labels"}
FIRST = ("data_format", "channels_first")  # where the channels stand, which has this one value
UNCROPPED = 384  # from this shortest edge on, ConvNeXT's processor makes a square of the whole image
LEVIT = 256 / 224  # of the shortest edge


def read_processor(folder: Path) -> tuple[Any, dict[str, Any]]:
    """(transformers' image processor, the steps of models.images.pixels). Raises ValueError that names every part of
    the file which is not served.
    """
    if not (folder / FILE).exists():
        raise ValueError(f"{folder} holds no {FILE}, which says how an image is prepared for its network")
    told = read_json(folder, FILE)
    with reading(folder):
        processor = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
    faults = [
        f"{name} ({in_a_line(value, 60)})"
        for name, value in told.items()
        if value not in (None, False, 0) and name not in STEPS | SILENT and (name, value) != FIRST
    ]
    if faults:
        raise ValueError(f"{folder / FILE} asks for what is not served: {', '.join(faults)}")
    return processor, steps_of(processor, folder)


def steps_of(processor: Any, folder: Path) -> dict[str, Any]:
    """Raises ValueError where images of different sizes would come out, or a number is missing."""
    resize = sides(processor.size) if processor.do_resize else None
    crop = sides(processor.crop_size) if getattr(processor, "do_center_crop", False) else None
    if isinstance(processor, ConvNextImageProcessorPil) and resize is not None:
        resize, crop = of_convnext(resize.get("shortest_edge"), processor.crop_pct, crop)
    elif isinstance(processor, LevitImageProcessorPil) and resize is not None and "shortest_edge" in resize:
        resize = {"shortest_edge": int(LEVIT * resize["shortest_edge"])}
    elif isinstance(processor, PoolFormerImageProcessorPil) and resize is not None and processor.crop_pct:
        resize = of_poolformer(resize, processor.crop_pct)
    if resize is not None and resize.keys() not in ({"height", "width"}, {"shortest_edge"}):
        raise ValueError(f"{folder / FILE}: size is {resize}; served are height and width, or shortest_edge")
    last = crop or resize or {}
    if last.keys() != {"height", "width"}:
        raise ValueError(f"{folder / FILE} makes images of different sizes; its last size has to be height and width")
    mean, std = channels(processor.image_mean), channels(processor.image_std)
    normalize = [{"mean": mean, "std": std}] if processor.do_normalize else []
    if getattr(processor, "include_top", False):  # of EfficientNet
        normalize.append({"mean": [0.0] * 3, "std": std})
    return {
        "resize": resize,
        "resample": int(processor.resample) if resize is not None else None,
        "crop": crop,
        "rescale": float(processor.rescale_factor) if processor.do_rescale else None,
        "offset": float(bool(processor.do_rescale and getattr(processor, "rescale_offset", False))),
        "normalize": normalize,
        "flip": bool(getattr(processor, "do_flip_channel_order", False)),
        **last,
    }


def of_convnext(
    edge: int | None, crop_pct: float, crop: dict[str, int] | None
) -> tuple[dict[str, int] | None, dict[str, int] | None]:
    """(resize, crop) of ConvNeXT's processor, which crops by a share of its own. Raises ValueError."""
    if edge is None or crop is not None:
        raise ValueError("a processor of ConvNeXT has a shortest_edge as its size, and no do_center_crop")
    square = {"height": edge, "width": edge}
    return (square, None) if edge >= UNCROPPED else ({"shortest_edge": int(edge / crop_pct)}, square)


def of_poolformer(size: dict[str, int], crop_pct: float) -> dict[str, int]:
    """The resizing of PoolFormer's processor, by a share of its own."""
    larger = {side: int(length / crop_pct) for side, length in size.items()}
    square = larger.get("height") == larger.get("width") and "height" in larger
    return {"shortest_edge": larger["height"]} if square else larger


def sides(size: Any) -> dict[str, int]:
    """The sides that a size of transformers has."""
    return {name: int(value) for name, value in dict(size).items() if value is not None}


def channels(numbers: Any) -> list[float]:
    """Three numbers of three or of one; none where the processor has none."""
    if numbers is None:
        return []
    return [float(each) for each in numbers] if isinstance(numbers, list | tuple) else [float(numbers)] * 3
