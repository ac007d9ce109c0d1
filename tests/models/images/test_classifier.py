"""A classifier of images in this process: batches, deadlines, labels that each hold or not, a broken example."""

import json

import pytest

from service import models
from service.capabilities import ClassifyImageCall
from service.errors import DeadlineExceeded, InvalidInstances, StartupError
from service.models.images.classifier import AT_ONCE
from service.models.images.pixels import Preparing, resized
from service.settings import Settings
from service.store.manifest import MANIFEST
from service.store.versions import Store
from tests.support.tiny_images import COLORS, STEPS, pack_colors, picture, scores_of


def loaded(store, **settings):
    return models.load(Store(store).open("colors"), Settings(store=store, **settings))


def test_many_images_are_answered_in_their_order(tmp_path):
    pack_colors(tmp_path)
    model = loaded(tmp_path)
    model.warm_up()
    colors = [COLORS[place % 3] for place in range(2 * AT_ONCE + 3)]
    answer = model.run(ClassifyImageCall([picture(color) for color in colors]))
    assert answer.first == colors
    assert answer.scores[1].tolist() == pytest.approx(scores_of("green").tolist(), abs=1e-6)
    assert answer.seconds.keys() == {"decode", "predict"}


def test_a_deadline_ends_the_work(tmp_path):
    pack_colors(tmp_path)
    with pytest.raises(DeadlineExceeded):
        loaded(tmp_path).run(ClassifyImageCall([picture("red")]), deadline=0.0)


def test_labels_that_each_hold_or_not(tmp_path):
    pack_colors(tmp_path, problem="multi_label_classification")
    (given,) = loaded(tmp_path).run(ClassifyImageCall([picture("red")])).values
    assert given[0] == {"label": "red", "score": pytest.approx(0.880797, abs=1e-5)}


def test_another_answer_to_the_example_is_refused(tmp_path):
    version = pack_colors(tmp_path)
    path = version.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["example"]["predictions"][0][0]["score"] = 0.5
    path.write_text(json.dumps(manifest))
    with pytest.raises(StartupError, match="another answer"):
        loaded(tmp_path).warm_up()


def test_a_long_strip_is_refused_before_it_is_resized(tmp_path):
    """Its shorter side becomes 8 pixels, and the other one would be 80,000 long."""
    pack_colors(tmp_path, steps=STEPS | {"resize": {"shortest_edge": 8}, "crop": {"height": 8, "width": 8}})
    model = loaded(tmp_path, max_pixels=20_000)
    with pytest.raises(InvalidInstances, match="sides are less unlike"):
        model.run(ClassifyImageCall([picture("red", size=(10_000, 1))]))
    assert model.run(ClassifyImageCall([picture("red", size=(90, 30))])).first == ["red"]


def test_sides_are_those_of_torchvision():
    assert resized(300, 200, {"shortest_edge": 50}) == (75, 50)
    assert resized(200, 301, {"shortest_edge": 50}) == (50, 75)
    assert resized(3, 2, {"height": 7, "width": 9}) == (7, 9)


def test_black_stands_around_an_image_that_is_smaller_than_the_crop():
    from PIL import Image

    steps = STEPS | {"resize": None, "crop": {"height": 8, "width": 8}}
    cut = Preparing(steps).cut(Image.new("RGB", (3, 4), "white"))
    assert cut.shape == (8, 8, 3)
    assert (cut.sum(), cut[2:6, 3:6].min()) == (3 * 4 * 3 * 255, 255)
