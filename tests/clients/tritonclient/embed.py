"""tritonclient asks for vectors: BYTES in, FP32 out, raw and as JSON; prints JSON."""

import json
import sys

import numpy as np
import tritonclient.http as http


def tour(client, asked):
    metadata = client.get_model_metadata(asked["model"])
    yield "tensors", [(one["name"], one["datatype"], one["shape"]) for one in metadata["inputs"] + metadata["outputs"]]
    name = metadata["outputs"][0]["name"]
    texts = np.array([text.encode() for text in asked["texts"]], dtype=object)
    for binary in (False, True):
        kind = "binary" if binary else "json"
        given = http.InferInput("text", [len(texts)], "BYTES")
        given.set_data_from_numpy(texts, binary_data=binary)
        wanted = [http.InferRequestedOutput(name, binary_data=binary)]
        result = client.infer(asked["model"], [given], outputs=wanted)
        (output,) = result.get_response()["outputs"]
        yield f"{kind} told", [output["name"], output["datatype"], output["shape"]]
        yield kind, result.as_numpy(name).tolist()
        result = client.infer(asked["model"], [given], outputs=wanted, parameters={"dimensions": asked["dimensions"]})
        yield f"{kind} dimensions", result.as_numpy(name).tolist()


if __name__ == "__main__":
    with http.InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
        print(json.dumps(dict(tour(client, json.load(sys.stdin)))))
