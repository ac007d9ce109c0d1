"""The dialects: each module turns the bytes of one published protocol into plain values and back.

A dialect with an error form of its own stands in DIALECTS. `ROUTES` there says for which paths it speaks;
`error_body(body, status)` reshapes service.errors.error_body. The first that matches a path answers.
"""

from . import mlflow, openai, v1, v2

__all__ = ["DIALECTS", "error_form"]

DIALECTS = (openai, v1, v2, mlflow)


def error_form(path, body, status):
    """The error body in the words of the path's dialect; unchanged where no protocol has words of its own."""
    for dialect in DIALECTS:
        if dialect.ROUTES.match(path):
            return dialect.error_body(body, status)
    return body
