"""The tour of mlserver's codecs: requests built from frames, arrays and texts; answers read back by the same codecs."""

import json
import sys
import urllib.request

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec, StringRequestCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, Parameters, RequestOutput


def infer(url, model, request, *names):
    if names:
        request.outputs = [RequestOutput(name=name) for name in names]
    body = request.model_dump_json(exclude_none=True).encode()
    asked = urllib.request.Request(
        f"{url}/v2/models/{model}/infer", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def decoded(response):
    """Every output by the codec that its datatype calls for."""
    told = {}
    for output in response.outputs:
        if output.datatype == "BYTES":
            told[output.name] = StringCodec.decode_output(output)
        else:
            told[output.name] = NumpyCodec.decode_output(output).tolist()
    return told


def main(url, tables):
    iris, gaps = pd.DataFrame(tables["iris"]), pd.DataFrame(tables["gaps"])
    texts = gaps.select_dtypes(exclude="number").columns
    gaps = gaps.astype(dict.fromkeys(texts, object))  # mlserver does not know what pandas 3 makes of texts
    both = ("predict", "predict_proba")
    with urllib.request.urlopen(f"{url}/v2/models/iris", timeout=30) as answer:
        metadata = MetadataModelResponse.model_validate_json(answer.read())
    frame = infer(url, "iris", PandasCodec.encode_request(iris, use_bytes=False), "predict")
    texts = StringRequestCodec.encode_request(["ab", "ba"], use_bytes=False)
    texts.parameters = Parameters(max_tokens=4, temperature=0)
    alone = InferenceRequest(inputs=[NumpyCodec.encode_input("x", iris.to_numpy())])
    return {
        "inputs": [one.name for one in metadata.inputs],
        "array": decoded(infer(url, "iris", NumpyRequestCodec.encode_request(iris.to_numpy()), *both)),
        "single": decoded(infer(url, "iris", NumpyRequestCodec.encode_request(iris.to_numpy(dtype=np.float32)), *both)),
        "input": decoded(infer(url, "iris", alone, *both)),
        "frame": decoded(infer(url, "iris", PandasCodec.encode_request(iris, use_bytes=False), *both)),
        "frame_back": PandasCodec.decode_response(frame).to_dict("list"),
        "gaps": decoded(infer(url, "penguins", PandasCodec.encode_request(gaps, use_bytes=False), *both)),
        "texts": decoded(infer(url, "tiny", texts)),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
