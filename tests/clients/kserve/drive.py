"""The tour of kserve's InferenceRESTClient: V1 and V2, JSON and binary, one tensor and columns, errors."""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def request(model, inputs, *names, **parameters):
    outputs = [RequestedOutput(name, one) for name, one in names]
    return InferRequest(model, inputs, request_outputs=outputs or None, parameters=parameters or None)


def tensor(array, *, binary):
    made = InferInput("input-0", list(array.shape), "FP64")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def columns(table):
    return [
        InferInput(
            name,
            [len(cells)],
            "BYTES" if any(isinstance(cell, str) for cell in cells) else "FP64",
            cells,
            parameters={"content_type": "pd"},
        )
        for name, cells in table.items()
    ]


def plain(response, *names):
    by_name = {one.name: one.as_numpy() for one in response.outputs}
    arrays = [by_name[name] for name in names] if names else list(by_name.values())
    return [listed(array.tolist()) for array in arrays]


def listed(value):
    if isinstance(value, list):
        return [listed(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


async def failure(call):
    try:
        await call
    except httpx.HTTPStatusError as error:
        return {"status": error.response.status_code, "message": str(error)}
    return None


async def tour_v1(url, tables):
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    rows = [dict(zip(tables["holed"], row, strict=True)) for row in zip(*tables["holed"].values(), strict=True)]
    wrong = [rows[0] | {"body_mass_g": "heavy"}]
    told = {
        "live": await client.is_server_live(url),
        "model_ready": await client.is_model_ready(url, "penguins"),
        "rows": await client.infer(url, {"instances": rows}, "penguins"),
        "columns": await client.infer(url, {"inputs": tables["holed"]}, "penguins"),
        "violations": await failure(client.infer(url, {"instances": wrong}, "penguins")),
        "no_model": await failure(client.infer(url, {"instances": rows}, "absent")),
    }
    await client.close()
    return told


async def tour_v2(url, tables):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    numbers = np.array(list(tables["iris"].values()), np.float64).T
    both = (("predict", None), ("predict_proba", None))
    wrong = columns({name: cells[:1] for name, cells in tables["holed"].items()})
    wrong[-1] = InferInput(wrong[-1].name, [1], "BYTES", ["neither"], parameters={"content_type": "pd"})
    text = InferInput("text", [1], "BYTES", ["ab"])
    told = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model_ready": await client.is_model_ready(url, "iris"),
        "absent_ready": await client.is_model_ready(url, "absent"),
        "first": plain(await client.infer(url, request("iris", [tensor(numbers, binary=False)]), "iris")),
        "output_0": plain(
            await client.infer(url, request("iris", [tensor(numbers, binary=True)], ("output-0", None)), "iris"),
            "output-0",
        ),
    }
    for binary in (False, True):
        asked = request("iris", [tensor(numbers, binary=binary)], *both, binary_data_output=binary)
        response = await client.infer(url, asked, "iris")
        told["binary" if binary else "json"] = plain(response, "predict", "predict_proba")
    response = await client.infer(url, request("penguins", columns(tables["holed"]), *both), "penguins")
    told["columns"] = plain(response, "predict", "predict_proba")
    response = await client.infer(url, request("tiny", [text], max_tokens=4, temperature=0), "tiny")
    told["text"] = plain(response, "text")[0]
    told["violations"] = await failure(client.infer(url, request("penguins", wrong), "penguins"))
    told["no_model"] = await failure(client.infer(url, request("absent", [text]), "absent"))
    await client.close()
    return told


async def main(url, tables):
    return {"v1": await tour_v1(url, tables), "v2": await tour_v2(url, tables)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], json.load(sys.stdin)))))
