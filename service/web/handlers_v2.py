"""V2's infer route, from the environ to bytes, once for both ways in.

body = answer_v2(predictor, exchange, environ, "tumour")     # b'{"model_name":"tumour",...}', maybe with raw tensors

Raises ServiceError kinds, as service.web.handlers does.
"""

from ..errors import InvalidParameters
from ..wire import v2
from .handlers import read_body

__all__ = ["answer_v2"]

HEADER = "HTTP_" + v2.LENGTH.upper().replace("-", "_")


def answer_v2(predictor, exchange, environ, name, version=None):
    """POST /v2/models/<name>[/versions/<version>]/infer."""
    model = predictor.find(name, version)
    exchange.model = model.name
    body = read_body(environ, predictor.settings.max_body_bytes, (v2.OCTETS,))
    exchange.start()
    call = v2.decode(body, environ.get(HEADER))
    if call.timeout is not None:
        deadline = exchange.began + call.timeout
        exchange.deadline = deadline if exchange.deadline is None else min(deadline, exchange.deadline)
    body, length = V2[model.kind](predictor, exchange, model, call)
    exchange.lap("encode")
    if length is not None:
        exchange.media_type = v2.OCTETS
        exchange.more = (*exchange.more, (v2.LENGTH, str(length)))
    return body


def v2_table(predictor, exchange, model, call):
    instances = call.instances()
    names = [model.primary if one.name == v2.FIRST else one.name for one in call.outputs]
    exchange.lap("parse")
    answer = predictor.predict(model, instances, names or None, None, exchange.deadline)
    exchange.spent(answer.seconds)
    arrays = answer.arrays()
    wanted = call.outputs or [v2.Wanted(next(iter(arrays)), call.binary)]
    outputs = [(one, arrays[name]) for one, name in zip(wanted, names or arrays, strict=True)]
    ignored = [f"parameter {name[:80]!r} is none of tables and was ignored" for name in call.parameters]
    return v2.encode(model, call, exchange.id, outputs, (*answer.warnings, *ignored[:10]))


def v2_text(predictor, exchange, model, call):
    texts = call.texts()
    unknown = [one.name for one in call.outputs if one.name not in v2.TEXT_OUTPUTS]
    if unknown:
        expected = f"any of {', '.join(v2.TEXT_OUTPUTS)}"
        raise InvalidParameters(
            f"outputs: expected {expected}, got {unknown[0]!r:.80}",
            details=[{"parameter": "outputs", "expected": expected, "got": f"{name!r:.80}"} for name in unknown],
        )
    exchange.lap("parse")
    completions = predictor.generate(model, texts, call.parameters, exchange)
    exchange.lap("predict")
    for one in completions:
        exchange.wrote(one.prompt_tokens, one.completion_tokens)
    return v2.encode_texts(model, call, exchange.id, completions)


V2 = {"tabular": v2_table, "text_generation": v2_text}
