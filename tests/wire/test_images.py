"""What images are: every dialect and form of body, the page and the client, and what is refused."""

import io
import json
import struct
from base64 import b64encode, encodebytes

import numpy as np
import pytest
from PIL import Image

from client import Client
from service.app import create_app
from service.errors import RequestError
from service.settings import Settings
from service.wire.multipart import files
from tests.support.client_server import Answer, answering
from tests.support.tiny_images import COLORS, b64, pack_colors, picture, scores_of
from tests.support.ways import NativeClient, WholeClient

PATH = "/v1/models/colors:predict"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_colors(store)
    return WholeClient(create_app(Settings(store=store)))


def ask(client, instances, **parameters):
    return client.post(PATH, json={"instances": instances, "parameters": parameters})


def same(given, color, count=3):
    """Labels and scores of an image of one color, the best first."""
    scores = scores_of(color)
    best = np.argsort(-scores, kind="stable")[:count]
    assert [each["label"] for each in given] == [COLORS[place] for place in best]
    assert [each["score"] for each in given] == pytest.approx(scores[best].tolist(), abs=1e-6)


def test_an_image_as_it_is_in_every_format(client):
    for form, color in (("PNG", "blue"), ("JPEG", (9, 180, 40)), ("WEBP", "red")):
        options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
        answer = client.post(PATH, data=picture(color, form=form, **options), content_type=f"image/{form.lower()}")
        (given,) = answer.json["predictions"]
        assert (answer.status_code, given[0]["label"]) == (200, color if isinstance(color, str) else "green")
        if form != "JPEG":
            same(given, color)
    one = client.post(f"{PATH}?top_k=1", data=picture("blue"), content_type="image/png")
    same(*one.json["predictions"], "blue", 1)


def test_files_of_a_form(client):
    sent = [(io.BytesIO(picture(color)), f"{color}.png") for color in ("green", "red", "green")]
    answer = client.post(f"{PATH}?top_k=2", data={"image": sent}, content_type="multipart/form-data")
    for given, color in zip(answer.json["predictions"], ("green", "red", "green"), strict=True):
        same(given, color, 2)


def test_base64_in_json(client):
    content = picture("blue")
    text = b64encode(content).decode()
    forms = [b64(content), text, {"image_bytes": b64(content)}, f"data:image/png;base64,{text}"]
    forms.append(encodebytes(content).decode())
    answer = ask(client, forms, top_k=1)
    assert answer.status_code == 200, answer.text
    for given in answer.json["predictions"]:
        same(given, "blue", 1)
    assert answer.json["model_name"] == "colors"


def test_the_article_answers_the_bare_label(client):
    assert client.post("/predict", data=picture("red"), content_type="image/png").json == {"Prediction": "red"}
    sent = [(io.BytesIO(picture(color)), "it") for color in ("blue", "red")]
    assert client.post("/predict", data={"file": sent}).json == {"text": ["blue", "red"]}


def test_v2_takes_base64_and_raw_bytes(client):
    contents = [picture("red"), picture("blue")]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [2]}
    plain = tensor | {"data": [b64encode(content).decode() for content in contents]}
    label, scores = client.post("/v2/models/colors/infer", json={"inputs": [plain]}).json["outputs"]
    assert (label["name"], label["data"]) == ("label", ["red", "blue"])
    assert (scores["shape"], json.loads(scores["parameters"]["labels"])) == ([2, 3], COLORS)
    assert scores["data"] == pytest.approx([*scores_of("red"), *scores_of("blue")], abs=1e-6)

    raw = b"".join(struct.pack("<I", len(content)) + content for content in contents)
    wanted = [{"name": "scores", "parameters": {"classification": 1, "binary_data": False}}, {"name": "output-0"}]
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}], "outputs": wanted}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    answer = client.post("/v2/models/colors/infer", data=head + raw, headers=headers)
    best, label = answer.json["outputs"]
    assert [each.split(":", 1)[1] for each in best["data"]] == ["0:red", "2:blue"]
    assert label["data"] == ["red", "blue"]

    coded = b"".join(struct.pack("<I", len(each)) + each for each in map(b64encode, contents))
    parameters = {"binary_data_size": len(coded), "content_type": "base64"}
    head = json.dumps({"inputs": [tensor | {"parameters": parameters}]}).encode()
    headers["Inference-Header-Content-Length"] = str(len(head))
    answer = client.post("/v2/models/colors/infer", data=head + coded, headers=headers)
    assert answer.json["outputs"][0]["data"] == ["red", "blue"]
    refused = client.post(
        "/v2/models/colors/infer",
        json={"inputs": [plain | {"parameters": {"content_type": "pd_json"}}], "parameters": {"top_k": 1}},
    )
    assert refused.status_code == 400
    assert "expected one of base64" in refused.json["error"]


def test_mlflow_takes_a_column_or_an_image(client):
    text = b64encode(picture("green")).decode()
    forms = [
        {"inputs": [text]},
        {"inputs": {"image": [text]}},
        {"instances": [b64(picture("green"))]},
        {"dataframe_split": {"columns": ["image"], "data": [[text]]}},
        {"dataframe_records": [{"image": text}]},
    ]
    for form in forms:
        answer = client.post("/endpoints/colors/invocations", json=form | {"params": {"top_k": 2}})
        same(*answer.json["predictions"], "green", 2)
    answer = client.post("/invocations", data=picture("green"), content_type="image/png")
    same(*answer.json["predictions"], "green")


def test_every_bad_image_is_named_at_once(client):
    cut = picture((3, 200, 100), size=(300, 300), form="JPEG")
    animated = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save(animated, "WEBP", save_all=True, append_images=frames[1:])
    instances = [
        b64(picture("red")),
        "https://example.com/cat.jpg",
        b64(b"GIF89a..."),
        b64(cut[: len(cut) // 2]),
        7,
        "not base64",
        b64(animated.getvalue()),
    ]
    refused = ask(client, instances)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_instances")
    details = refused.json["details"]
    assert [each["row"] for each in details] == [1, 2, 3, 4, 5, 6]
    assert "nothing is fetched from an address" in details[0]["expected"]
    assert details[1]["got"] == "a GIF"
    assert "truncated" in details[2]["got"]
    assert details[5]["got"] == "an animation"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"instances": []}, 400, "instances"),
        ({"instances": [b64(b"x")], "parameters": {"top_k": 0, "size": 3}}, 422, "top_k"),
        ({"inputs": ["x"]}, 400, "instances"),
        ({"instances": [b64(b"")]}, 422, "got nothing"),
        ({"instances": [b64(picture("red"))] * 257}, 413, "257 images in one request; at most 256"),
    ],
)
def test_wrong_bodies_are_refused(client, body, status, said):
    refused = client.post(PATH, json=body)
    assert refused.status_code == status
    assert said in refused.text


def test_wrong_forms_and_types_are_refused(client):
    for data, content_type, status, said in (
        (b"GIF89a", "image/gif", 415, "image/webp"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400, "multipart/form-data"),
        (b"x", "multipart/form-data", 400, "without the boundary"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400, "no file"),
        ({"top_k": "3"}, "multipart/form-data", 400, "fields without a file: 'top_k'"),
        (b"", "image/png", 422, "got nothing"),
        (picture("red"), None, 400, "not UTF-8"),
    ):
        refused = client.post(PATH, data=data, content_type=content_type)
        assert (refused.status_code, said in refused.text) == (status, True), refused.text
    refused = client.post(f"{PATH}?top_k=none&outputs=x", data=picture("red"), content_type="image/png")
    assert {each["parameter"] for each in refused.json["details"]} == {"top_k", "outputs"}
    with pytest.raises(RequestError, match="fields without a file"):
        files(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', "a/b; boundary=x", 9)


def test_an_image_where_no_model_reads_any(tmp_path):
    from tests.support.tiny_encoders import pack_mask_filler

    pack_mask_filler(tmp_path)
    other = WholeClient(create_app(Settings(store=tmp_path)))
    refused = other.post("/predict", data=picture("red"), content_type="image/png")
    assert (refused.status_code, "classifies images" in refused.text) == (400, True)
    assert other.post("/v1/models/guess:predict", data=picture("red"), content_type="image/png").status_code == 415


def test_pixels_are_bounded(tmp_path):
    pack_colors(tmp_path)
    small = WholeClient(create_app(Settings(store=tmp_path, max_pixels=400)))
    assert ask(small, [b64(picture("red", size=(20, 20)))] * 4).status_code == 200
    refused = ask(small, [b64(picture("red")), b64(picture("red", size=(20, 21)))])
    assert refused.json["details"] == [
        {"row": 1, "expected": "an image of at most 400 pixels", "got": "20 x 21 pixels"}
    ]
    refused = ask(small, [b64(picture("red", size=(20, 20)))] * 5)
    assert (refused.status_code, "2000 pixels together" in refused.text) == (413, True)


def test_the_fast_path_takes_images(client):
    answer = NativeClient(client.application).post(PATH, data=picture("red"), content_type="image/png")
    same(*answer.json["predictions"], "red")


def test_it_is_described_and_shown(client):
    paths = client.get("/openapi.json").json["paths"]
    for path in (PATH, "/v2/models/colors/infer", "/endpoints/colors/invocations"):
        content = paths[path]["post"]["requestBody"]["content"]
        for example in content["application/json"]["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    for path in (PATH, "/predict"):
        assert "image/webp" in paths[path]["post"]["requestBody"]["content"]
    assert client.get("/v1/models/colors").json["default_for"] == ["classify_image"]
    (scores,) = client.get("/v2/models/colors").json["outputs"][1:]
    assert (scores["name"], scores["shape"]) == ("scores", [-1, 3])
    page = client.get("/models/colors", headers={"Accept": "text/html"}).text
    assert 'data-capability="classify_image"' in page
    assert "--data-binary @image.jpg" in page


def test_the_client_sends_files(client, tmp_path):
    def post(request):
        answer = client.post(
            PATH, query_string="top_k=1", data=request.body, content_type=request.headers["Content-Type"]
        )
        return Answer(answer.status_code, answer.data, {"Content-Type": "application/json"})

    path = tmp_path / "it.png"
    path.write_bytes(picture("blue"))
    with answering({f"POST {PATH}?top_k=1": post}) as server, Client(server.url) as daylight:
        first, second = daylight.classify_images([path, picture("red")], "colors", top_k=1)
        same(first, "blue", 1)
        same(second, "red", 1)
        (alone,) = daylight.classify_images(str(path), "colors", top_k=1)
        same(alone, "blue", 1)
        with pytest.raises(ValueError, match="at least one"):
            daylight.classify_images([], "colors")
