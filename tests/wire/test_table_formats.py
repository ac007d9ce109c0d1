"""Tables beyond JSON: CSV, Arrow, Parquet and .npy in and out, each bounded, each judged by the one column plan."""

import subprocess
import sys
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.support.serving import ROOT
from service.wire.table_formats import ARROW, CSV, FORMS, NPY, PARQUET
from tests.support.mixed_table import FRAME, NUMBERS, PATH, mixed_client, post, records
from tests.support.tables import READ, WRITE, npy, parquet, stream

WHOLE = ("predict", "predict_proba")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return mixed_client(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("form", [CSV, ARROW, PARQUET])
def test_the_same_rows_give_the_same_answer_in_every_form(client, form):
    asked = {"instances": records(FRAME), "outputs": WHOLE}
    wanted = client.post(PATH, json=asked).json
    for frame in (FRAME, FRAME[FRAME.columns[::-1]]):
        answer = post(client, form, WRITE[form](frame), f"{PATH}?outputs=predict,predict_proba")
        assert (answer.status_code, answer.json) == (200, wanted)


@pytest.mark.parametrize(
    "values", [np.arange(6.0).reshape(3, 2), np.asfortranarray(np.arange(6, dtype="int8").reshape(3, 2))], ids=str
)
def test_an_array_of_numpy(client, values):
    wanted = client.post(NUMBERS, json={"instances": values.tolist()}).json
    assert post(client, NPY, npy(values), NUMBERS).json == wanted


BAD_NPY = [
    (b"", 400, "no .npy file: ValueError: EOF"),
    (npy(np.zeros((2, 2)))[:-1], 400, "31 bytes for shape [2, 2] of float64"),
    (npy(np.zeros((2, 2))) + b"x", 400, "33 bytes for shape [2, 2] of float64"),
    (npy(np.zeros((2, 3))), 422, "expected an array of shape [rows, 2], got shape [2, 3]"),
    (npy(np.zeros(2)), 422, "got shape [2]"),
    (npy(np.zeros((0, 2))), 422, "at least one, got an array of shape [0, 2]"),
    (npy(np.array([[print, print]])), 400, "dtype object"),
    (npy(np.array([[1j, 2j]])), 400, "dtype complex128"),
    (npy(np.array([["a", "b"]])), 422, 'row 0, column "x0": expected number, got "a"'),
    (npy(np.array([[1, np.inf]])), 422, "got Infinity"),
    (npy(np.array([["a", "b"]])).replace(b"a\0\0\0", b"\xff\xff\xff\xff"), 400, "no text of Unicode"),
    (npy(np.array([["a", "b"]], ">U1")).replace(b"\0\0\0a", b"\0\0\xd8\0"), 400, "what is no text"),
    (npy(np.zeros((2, 2), "longdouble")), 400, "dtype float128"),
    (npy(np.zeros((2, 2), "U1")).replace(b"<U1", b"<U0"), 400, "dtype <U0"),
    (npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(2,-2)"), 400, "a negative size"),
    (npy(np.zeros((2, 2))).replace(b"'shape'", b"f'shpe"), 400, "no .npy file"),
]


@pytest.mark.parametrize(("body", "status", "told"), BAD_NPY, ids=[case[2] for case in BAD_NPY])
def test_arrays_that_are_none(client, body, status, told):
    answer = post(client, NPY, body, NUMBERS)
    assert (answer.status_code, told in answer.json["error"]) == (status, True), answer.json


@pytest.mark.parametrize("form", [CSV, ARROW, PARQUET])
def test_columns_of_no_use_are_ignored_and_named(client, form):
    answer = post(client, form, WRITE[form](FRAME.assign(extra=1)))
    assert answer.json["warnings"] == ['column "extra" is not a column of this model and was ignored']


@pytest.mark.parametrize("form", [CSV, ARROW, PARQUET])
def test_violations_are_those_of_json(client, form):
    bad = FRAME.assign(city=["Oslo", "Bonn", *FRAME["city"][2:]]).drop(columns="visits")
    bad["known"] = [None, *FRAME["known"][1:]]
    wanted = client.post(PATH, json={"instances": records(bad)}).json
    answer = post(client, form, WRITE[form](bad), headers={"X-Request-ID": wanted["request_id"]})
    assert answer.status_code == 422
    assert {fault["column"] for fault in answer.json["details"]} == {"city", "visits"}
    assert answer.json == wanted


@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_the_types_of_arrow_become_cells(client, form):
    frame = FRAME[:4]
    table = pa.table(
        {
            "age": pa.array([Decimal("31.5"), None, Decimal("44"), Decimal("27")]),
            "city": pa.array(frame["city"].tolist()).dictionary_encode(),
            "known": pa.array(frame["known"]),
            "visits": pa.array(frame["visits"], pa.uint8()),
            "day": pa.array([one.to_pydatetime() for one in frame["day"]], pa.timestamp("ms")),
        }
    )
    wanted = client.post(PATH, json={"instances": records(frame)}).json
    assert post(client, form, WRITTEN[form](table)).json == wanted
    views = table.set_column(1, "city", pa.array(frame["city"].tolist(), pa.string_view()))
    if form == ARROW:
        assert post(client, form, WRITTEN[form](views)).json == wanted
        for coding in ("zstd", "lz4"):
            assert post(client, form, stream(table, compression=coding)).json == wanted


WRITTEN = {ARROW: stream, PARQUET: parquet}


@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_types_that_are_no_cells_are_violations(client, form):
    table = pa.table({"age": [[1.0]], "city": [{"a": "Oslo"}]})
    answer = post(client, form, WRITTEN[form](table))
    assert answer.status_code == 422
    told = {fault["column"]: fault["got"] for fault in answer.json["details"]}
    assert told["age"].startswith("a column of type list<")
    assert told["city"] == "a column of type struct<a: string>"


@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_moments_with_a_zone_are_no_moments_without(client, form):
    zoned = pa.array([datetime(2020, 1, 1)], pa.timestamp("us", "Europe/Oslo"))
    table = pa.table({"age": [1.0], "city": ["Oslo"], "known": [True], "visits": [1], "day": zoned})
    (fault,) = post(client, form, WRITTEN[form](table)).json["details"]
    assert (fault["column"], fault["got"]) == ("day", '"2020-01-01T00:00:00.000000Z"')


SHARED = pa.DictionaryArray.from_arrays(pa.array([0] * 50, pa.int32()), pa.array(["x" * 50_000]))
NULLS = pa.table({"age": pa.nulls(10**6), "city": pa.nulls(10**6)})
BOMBS = [
    ("Arrow, compressed", ARROW, stream(pa.table({"city": ["x" * 100_000] * 50}), compression="zstd"), "unpacked"),
    ("Arrow, one text shared", ARROW, stream(pa.table({"city": SHARED})), "unpacked"),
    ("Arrow, rows of nothing", ARROW, stream(NULLS), "1000000 rows"),
    ("Parquet, pages", PARQUET, parquet(pa.table({"city": ["x" * 9999 + str(n) for n in range(50)]})), "unp"),
    ("Parquet, one text shared", PARQUET, parquet(pa.table({"city": ["x" * 50_000] * 50})), "unpacked"),
    ("Parquet, rows of nothing", PARQUET, parquet(NULLS), "1000000 rows"),
    (".npy", NPY, npy(np.zeros((51, 2), "int8")), "51 rows"),
]


@pytest.mark.parametrize(("form", "body", "told"), [case[1:] for case in BOMBS], ids=[case[0] for case in BOMBS])
def test_bodies_that_would_unfold_are_refused(client, form, body, told):
    assert len(body) < 200_000
    answer = post(client, form, body, NUMBERS if form == NPY else PATH)
    assert (answer.status_code, answer.json["code"]) == (413, "payload_too_large")
    assert told in answer.json["error"]


def test_what_is_refused_was_never_unpacked():
    """Bodies of a few kilobytes that hold 64 MiB each: Arrow's own count of what it took stays below one."""
    code = """
import sys
import pyarrow as pa
from service.models.tables.column import Column
from service.errors import PayloadTooLarge
from service.wire.table_formats import decode
for media_type in sys.argv[1:]:
    body = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
    try:
        decode(media_type, body, [Column("city", "text", "object")], 10, 2**20)
    except PayloadTooLarge as error:
        print(error)
print(pa.default_memory_pool().max_memory() < 2**20)
"""
    table = pa.table({"city": ["x" * 2**26]})
    bodies = parquet(table, use_dictionary=False, compression="zstd"), stream(table, compression="zstd")
    assert max(map(len, bodies)) < 20_000
    done = subprocess.run(
        [sys.executable, "-c", code, PARQUET, ARROW],
        input=b"".join(b"%d\n%b" % (len(body), body) for body in bodies),
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.stdout.decode().splitlines() == [
        "the Parquet file is larger than 1048576 bytes once it is unpacked, the most taken",
        "the Arrow stream is larger than 1048576 bytes once it is unpacked, the most taken",
        "True",
    ]


def test_texts_that_share_their_beginnings_are_not_taken(client):
    body = parquet(pa.table({"city": ["Oslo"]}), use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    answer = post(client, PARQUET, body)
    assert (answer.status_code, "DELTA_BYTE_ARRAY" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize("form", [ARROW, PARQUET])
@pytest.mark.parametrize("keep", [0, 1, 4, 8, 30, 100, 200, -9, -8, -1])
def test_files_that_break_off(client, form, keep):
    body = WRITE[form](FRAME)
    answer = post(client, form, body[:keep])
    whole = form == ARROW and keep in (-8, -1)  # a stream may end without its end mark; part of one is none
    assert answer.status_code == (200 if whole and keep == -8 else 400), answer.json


@pytest.mark.parametrize("form", [ARROW, PARQUET, NPY, CSV])
def test_bytes_that_are_changed_are_the_caller_s_fault(client, form):
    """Every answer is one of ours: no traceback, no crash of the process."""
    body = WRITE[form](FRAME if form != NPY else FRAME[["age", "visits"]])
    random = np.random.default_rng(0)
    for _ in range(300):
        spoiled = bytearray(body)
        for place in random.integers(len(body), size=random.integers(1, 4)):
            spoiled[place] = random.integers(256)
        assert post(client, form, bytes(spoiled), NUMBERS if form == NPY else PATH).status_code in (200, 400, 413, 422)


def test_a_query_chooses_outputs_where_the_body_has_no_envelope(client):
    body = WRITE[CSV](FRAME[:2])
    chosen = post(client, CSV, body, f"{PATH}?outputs=predict_proba&top_k=1").json["predictions"]
    assert [len(row) for row in chosen] == [1, 1]
    for query, told in (
        ("output=predict", "output: expected outputs or top_k, got 'predict'"),
        ("top_k=0", "top_k: expected a whole number, 1 or more, got 0"),
        ("top_k=x&outputs=", "top_k: expected a whole number"),
        ("outputs=nonsense", 'got "nonsense"'),
    ):
        answer = post(client, CSV, body, f"{PATH}?{query}")
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_parameters")
        assert told in answer.json["error"]
    assert post(client, CSV, body, f"{PATH}?{'&'.join('a' * 101)}").status_code == 400


def test_answers_come_in_the_form_that_is_asked_for(client):
    asked = {"instances": records(FRAME), "outputs": WHOLE}
    wanted = client.post(PATH, json=asked).json["outputs"]
    for form in (CSV, ARROW, PARQUET):
        answer = client.post(PATH, json=asked, headers={"Accept": form})
        assert answer.content_type.partition(";")[0] == form
        found = READ[form](answer.data)
        assert found["predict"].tolist() == wanted["predict"]
        assert found["predict_proba.yes"].tolist() == pytest.approx([row["yes"] for row in wanted["predict_proba"]])
    answer = client.post(PATH, json=asked | {"outputs": ["predict_proba"]}, headers={"Accept": NPY})
    assert answer.content_type == NPY
    assert READ[NPY](answer.data).shape == (len(FRAME), 2)


ACCEPTED = [
    ("", "application/json"),
    ("*/*", "application/json"),
    ("text/*", CSV),
    ("application/*;q=0.5, text/csv", CSV),
    ("text/csv;q=0, */*", "application/json"),
    ("text/csv; q=0.8, application/json; q=0.9", "application/json"),
    ("TEXT/CSV", CSV),
    (f"{NPY}, {CSV};q=0.1", CSV),  # labels are no array of numbers
    (f"{NPY}, */*;q=0.1", "application/json"),
    ("text/csv;q=nonsense, application/json;q=0.001", "application/json"),
]


@pytest.mark.parametrize(("accept", "wanted"), ACCEPTED, ids=[case[0] for case in ACCEPTED])
def test_qualities_decide(client, accept, wanted):
    answer = client.post(PATH, json={"instances": records(FRAME[:1])}, headers={"Accept": accept})
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (200, wanted)


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", NPY, "text/csv;q=2"])
def test_a_form_that_there_is_not_is_406_with_the_list(client, accept):
    answer = client.post(PATH, json={"instances": records(FRAME[:1])}, headers={"Accept": accept})
    if accept.endswith("=0"):
        assert answer.status_code == 406
    assert (answer.status_code, answer.content_type, answer.json["code"]) == (406, "application/json", "not_acceptable")
    assert all(form in answer.json["error"] for form in FORMS)


def test_errors_are_json_whatever_was_asked_for(client):
    answer = client.post(PATH, json={"instances": []}, headers={"Accept": CSV})
    assert (answer.status_code, answer.content_type) == (422, "application/json")


def test_arrow_is_imported_when_first_needed():
    code = (
        "import sys, service.app, service.wire.table_formats.csv, service.wire.table_formats.npy; "
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_statistics_that_contradict_each_other_do_not_end_the_process():
    """pyarrow's view of a column chunk threw where nothing could catch it, and took the worker with it."""
    code = """
import sys
import pyarrow as pa
from service.models.tables.column import Column
from service.errors import ServiceError
from service.wire.table_formats import PARQUET, decode
body = sys.stdin.buffer.read()
for place in range(len(body) // 2, len(body) - 12):
    for spoilt in (0, 1, 255, body[place] ^ 16):
        try:
            wrong = body[:place] + bytes([spoilt]) + body[place + 1 :]
            decode(PARQUET, wrong, [Column("a", "number", "float64")], 99, 2**20)
        except ServiceError:
            pass
print("alive")
"""
    body = parquet(pa.table({"a": [1.5, None]}), store_schema=False)
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"alive\n"), done.stderr[-2000:]
