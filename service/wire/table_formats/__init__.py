"""Whole tables as bodies, besides JSON: CSV, an Arrow stream, Parquet, one array of numpy.

    decode("text/csv", b"age,city\n31,Oslo\n", columns, 100, 2**24)   # {"age": [31], "city": ["Oslo"]}
    encode("text/csv", {"predict": ["yes"]})                         # b"predict\r\nyes\r\n"

Each form is one module with a `decode` and an `encode` that take the same arguments without the media type. What
decode gives is what JSON would have given, so one column plan checks all of them. Arrow's library is imported when
it is first needed.
"""

from importlib import import_module

from ...errors import NotAcceptable, UnsupportedMediaType

__all__ = ["ANSWERS", "ARROW", "CSV", "ESCAPED_CSV", "FORMS", "NPY", "PARQUET", "decode", "encode", "read"]

CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"
ESCAPED_CSV = f"{CSV}; formulas=escaped"

FORMS = {
    CSV: ".csv",
    ARROW: ".arrow",
    PARQUET: ".parquet",
    NPY: ".npy",
}
ANSWERS = FORMS | {ESCAPED_CSV: ".escaped_csv"}


def decode(media_type, body, columns, max_rows, max_bytes):
    """Bytes in one of FORMS -> instances: an object of columns, or a list of rows in the fitted order.

    columns: what the model was fitted on, in order; `name`, `kind`, `categories`, `nullable`, `expected` are read.
    max_bytes: what the table may take once it is unpacked. Columns the model does not have are named with no
    cells. Raises RequestError, InvalidInstances, PayloadTooLarge or UnsupportedMediaType.
    """
    return form(FORMS[media_type], media_type, UnsupportedMediaType).decode(body, columns, max_rows, max_bytes)


def read(request, model):
    """The table in a request's body, for a model with a column plan -> (instances, warnings). Raises as `decode`."""
    columns, body, warnings = model.plan.columns, request.content, ()
    if request.media_type == CSV:
        from .csv_usual import usual

        body, warnings = usual(body, columns, request.max_rows)
    return decode(request.media_type, body, columns, request.max_rows, request.max_bytes), warnings


def encode(media_type, outputs):
    """{output: one plain value a row} -> bytes in one of ANSWERS; None where the form cannot hold them.

    Raises NotAcceptable.
    """
    return form(ANSWERS[media_type], media_type, NotAcceptable).encode(outputs)


def form(module, media_type, refusal):
    """The module of a form. Raises `refusal` where its library is not installed: a bare install has no pyarrow."""
    try:
        return import_module(module, __package__)
    except ModuleNotFoundError as error:
        raise refusal(
            f"this server has no {error.name} for {media_type}; there are application/json, {CSV} and {NPY} "
            "(on the server: pip install 'daylight[arrow]')"
        ) from None
