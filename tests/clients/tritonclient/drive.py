"""The tour of tritonclient: JSON, binary, BYTES, FP16, compressed, asynchronous, classification, errors."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException


def tensor(name, array, datatype, *, binary, kind=http):
    made = kind.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def columns(table, *, binary, kind=http):
    """One input per column: FP64 with NaN for holes, or BYTES."""
    made = []
    for name, cells in table.items():
        if any(isinstance(cell, str) for cell in cells):
            array, datatype = np.array([[cell or ""] for cell in cells], dtype=object), "BYTES"
        else:
            array, datatype = np.array([[np.nan if cell is None else cell] for cell in cells], np.float64), "FP64"
        made.append(tensor(name, array, datatype, binary=binary, kind=kind))
    return made


def plain(result, *names):
    return [listed(result.as_numpy(name).tolist()) for name in names]


def listed(value):
    """Texts come as bytes where they were raw, and as str where they were JSON."""
    if isinstance(value, list):
        return [listed(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


def asked(binary, kind=http):
    return [kind.InferRequestedOutput(name, binary_data=binary) for name in ("predict", "predict_proba")]


def failure(call):
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def tour(client, tables):
    numbers = np.array(list(tables["iris"].values()), np.float64).T
    both = ("predict", "predict_proba")
    yield "live", client.is_server_live()
    yield "ready", client.is_server_ready()
    yield "model_ready", [client.is_model_ready("iris"), client.is_model_ready("iris", "1")]
    yield "absent_ready", client.is_model_ready("absent")
    yield "server", client.get_server_metadata()
    yield "metadata", client.get_model_metadata("iris")
    yield "index", client.get_model_repository_index()
    for binary in (False, True):
        kind = "binary" if binary else "json"
        for dtype in ("FP64", "FP32", "FP16") if binary else ("FP64", "FP32"):
            array = numbers.astype({"FP64": np.float64, "FP32": np.float32, "FP16": np.float16}[dtype])
            result = client.infer("iris", [tensor("x", array, dtype, binary=binary)], outputs=asked(binary))
            yield f"{kind}_{dtype}", plain(result, *both)
        result = client.infer("iris", columns(tables["iris"], binary=binary), "1", asked(binary), request_id="mine")
        yield f"{kind}_columns", [result.get_response()["id"], *plain(result, *both)]
        result = client.infer("penguins", columns(tables["penguins"], binary=binary), outputs=asked(binary))
        yield f"{kind}_mixed", plain(result, *both)
        texts = np.array([b"ab", "né".encode()], dtype=object)
        result = client.infer(
            "tiny",
            [tensor("text", texts, "BYTES", binary=binary)],
            outputs=[http.InferRequestedOutput("text", binary_data=binary)],
            parameters={"max_tokens": 4, "temperature": 0},
        )
        yield f"{kind}_texts", plain(result, "text")[0]
    input_ = tensor("x", numbers, "FP64", binary=True)
    yield "no_outputs_named", plain(client.infer("iris", [input_]), "predict")[0]
    for coding in ("gzip", "deflate"):
        result = client.infer(
            "iris", [input_], request_compression_algorithm=coding, response_compression_algorithm=coding
        )
        yield coding, plain(result, "predict")[0]
    yield "async", plain(client.async_infer("iris", [input_]).get_result(), "predict")[0]
    best = [http.InferRequestedOutput("predict_proba", binary_data=True, class_count=2)]
    yield "classification", plain(client.infer("iris", [input_], outputs=best), "predict_proba")[0]
    yield "timeout", plain(client.infer("iris", [input_], timeout=20_000_000), "predict")[0]
    yield "no_model", failure(lambda: client.infer("absent", [input_]))
    yield "no_version", failure(lambda: client.infer("iris", [input_], "9"))
    holed = numbers.copy()
    holed[0, 1] = holed[2, 3] = np.nan
    yield "violations", failure(lambda: client.infer("iris", [tensor("x", holed, "FP64", binary=True)]))
    yield "no_output", failure(lambda: client.infer("iris", [input_], outputs=[http.InferRequestedOutput("nope")]))


async def tour_aio(address, tables):
    numbers = np.array(list(tables["iris"].values()), np.float64).T
    async with aio.InferenceServerClient(address) as client:
        calls = [
            client.infer("iris", [tensor("x", numbers, "FP64", binary=binary, kind=aio)], outputs=asked(binary, aio))
            for binary in (True, False, True)
        ]
        return [await client.is_server_ready(), *[plain(one, "predict")[0] for one in await asyncio.gather(*calls)]]


if __name__ == "__main__":
    address, tables = sys.argv[1].removeprefix("http://"), json.load(sys.stdin)
    with http.InferenceServerClient(address, concurrency=2) as client:
        told = dict(tour(client, tables))
    told["aio"] = asyncio.run(tour_aio(address, tables))
    print(json.dumps(told))
