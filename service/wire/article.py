"""The article's own contract.

    {"data": [{"mean radius": 17.99, ...}]}  ->  {"text": ["malignant"]}
    {"text": "Once upon a time"}             ->  {"Prediction": " there was ..."}

A table is whatever `pandas.DataFrame(data)` takes: a list of records or of lists, an
object of columns (lists, or objects by index as `DataFrame.to_json()` writes them),
and, kinder than pandas, one record alone. It comes bare or under "data".
"""

from ..errors import RequestError
from .json_body import parse

__all__ = ["TEMPERATURE", "decode", "encode_predictions", "encode_text", "text_call"]

TEMPERATURE = 0.6  # the article's


def decode(body):
    """Bytes -> ("tabular", instances) or ("text_generation", (prompt, parameters))."""
    value = parse(body)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        parameters = {key: one for key, one in value.items() if key != "text"}
        return "text_generation", text_call(value["text"], parameters)
    if isinstance(value, dict) and value.keys() == {"data"}:
        value = value["data"]
    return "tabular", table(value)


def text_call(text, parameters=()):
    """(prompt, sampling parameters): lower-cased and at the article's temperature, as in the article."""
    return text.lower(), {"temperature": TEMPERATURE, **dict(parameters)}


def table(value):
    """Any form of table -> a list of rows or an object of columns."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        raise RequestError('send a table (a list of records, or an object of columns) or {"text": "..."}')
    columns = value.values()
    if all(isinstance(one, dict) for one in columns):
        index = dict.fromkeys(key for one in columns for key in one)
        return [{name: one[key] for name, one in value.items() if key in one} for key in index]
    if any(isinstance(one, list) for one in columns):
        return value
    return [value]


def encode_predictions(predictions):
    return {"text": predictions}


def encode_text(text):
    return {"Prediction": text}
