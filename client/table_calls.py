"""What a client asks of models of tables.

    client.predict([{"age": 31, "city": "Rome"}])
    client.predict_frame(frame)["predict"]        # a column of a DataFrame with the index of `frame`

They use `/v1/models/<model>:predict`, the protocol of KServe and TensorFlow Serving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

from .answers import Predictions
from .base_client import BaseClient, decode_object, model_path
from .calls import Body, Call
from .errors import InvalidRequest, Unavailable
from .frames import is_frame, output_columns, same_kind
from .pieces import Limits, bodies, count_rows, joined, least_bytes
from .rows import dump, table, without_none

__all__ = ["predict", "predict_frame"]

Frame = TypeVar("Frame")

ASK_FIRST = 2**20  # bytes; to send more takes longer than to ask what the server takes
TURNS = 3  # how often a table is sent whose pieces two versions answer


def predict(
    client: BaseClient,
    rows: Any,
    model: str | None = None,
    *,
    version: str | None = None,
    outputs: str | Iterable[str] | None = None,
    top_k: int | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Rows -> Predictions, a list with one prediction per row.

    rows: a list of dicts or of lists, one dict for one row, a dict of columns, a DataFrame
    (NaN, NaT and NA are missing values), or the bytes of a CSV file with a header line, which the
    server reads by the kinds of the model's columns. model: a name; None is the server's default for
    tables. outputs: names such as ["predict", "predict_proba"]; the list holds the first, `.outputs`
    all. top_k: only the k most probable labels of a row.

    More rows, or bytes, than the server takes at once are sent in several requests, one after the other; only CSV is
    sent as it is. All are answered by one version, or none is. Raises InvalidRequest whose `details` name the row, as
    it is numbered here, and the column of every violation, of several requests those of the first that is refused;
    ValueError or TypeError for values that JSON cannot hold.
    """
    names = [outputs] if isinstance(outputs, str) else None if outputs is None else list(outputs)
    if isinstance(rows, bytes):
        joined_names = None if names is None else ",".join(names)
        csv = Body(rows, "text/csv", urlencode(without_none({"outputs": joined_names, "top_k": top_k})))
        return (yield from client._predict("tabular", model, version, csv, Predictions.from_answer, timeout))
    whole, options = table(rows), without_none({"outputs": names, "top_k": top_k})
    deadline = client.retries.until(timeout)

    def ask(name: str) -> Call[Predictions]:
        return predict_within_limits(client, model_path(name, version), whole, options, deadline)

    return (yield from client._of_model("tabular", model, ask, deadline))


def predict_frame(
    client: BaseClient,
    frame: Frame,
    model: str | None = None,
    *,
    version: str | None = None,
    outputs: str | Iterable[str] | None = None,
    top_k: int | None = None,
    timeout: float | None = None,
) -> Call[Frame]:
    """A DataFrame of pandas or polars -> a DataFrame of the same library, a row for each row, with the same index.

    Its columns are the outputs: "predict" where none are chosen, and "predict_proba.yes" of each label, as in the
    tables that the server writes. Truth values are `bool`, whole numbers `int64`, other numbers `float64` and texts
    `str`; in pandas, where cells are missing, `boolean` and `Int64`; what no dtype holds, such as lists, are objects.
    The other arguments, limits and errors are those of `predict`; TypeError for what is no DataFrame. `.attrs` of one
    of pandas has "model", "version" and "warnings".
    """
    if not is_frame(frame):
        raise TypeError(f"predict_frame takes a DataFrame, not {type(frame).__name__}; predict takes other rows")
    answer = yield from predict(client, frame, model, version=version, outputs=outputs, top_k=top_k, timeout=timeout)
    columns = output_columns(answer.outputs or {"predict": list(answer)})
    about = {"model": answer.model, "version": answer.version, "warnings": answer.warnings}
    return same_kind(frame, columns, about)


def predict_within_limits(
    client: BaseClient, path: str, whole: dict[str, Any], options: dict[str, Any], deadline: float | None
) -> Call[Predictions]:
    """Send a table in as many requests as the limits of the server ask for.

    The limits are asked for before a large table is sent, or once a small one is too large.
    """
    limits, content = client._limits, b""
    if limits is None and least_bytes(whole) <= ASK_FIRST:
        content = dump({**whole, **options})
    if limits is not None or 0 < len(content) <= ASK_FIRST:

        def pieces() -> Iterable[tuple[int, bytes]]:
            return bodies(whole, options, limits) if limits else [(0, content)]

        try:
            return (yield from predict_in_pieces(client, path, pieces, deadline))
        except InvalidRequest as error:
            if error.status != 413 or count_rows(whole) < 2:
                raise
    told = yield from client._ask("GET", path, lambda answer: Limits.of(decode_object(answer)), deadline=deadline)
    client._limits = told
    return (yield from predict_in_pieces(client, path, lambda: bodies(whole, options, told), deadline))


def predict_in_pieces(
    client: BaseClient, path: str, pieces: Callable[[], Iterable[tuple[int, bytes]]], deadline: float | None
) -> Call[Predictions]:
    """Send each piece of a table, and join the answers. Raises Unavailable where versions change again and again.

    pieces: makes the pieces, each the number of its first row and its body.
    """
    for _ in range(TURNS):
        answers: list[Predictions] = []
        for start, content in pieces():
            try:
                answer = yield from client._ask(
                    "POST", f"{path}:predict", Predictions.from_answer, Body(content), deadline
                )
            except InvalidRequest as error:
                raise error.in_whole(start) from error.__cause__
            answers.append(answer)
            if answer.version != answers[0].version:
                break  # another version was promoted meanwhile: it shall answer all of the table
        else:
            return joined(answers)
    raise Unavailable("other versions of the model came while the pieces of the table were answered; send it again")
