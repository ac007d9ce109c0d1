"""Server-sent events: how a stream is written over HTTP.

    data({"text": "a"})     # b'data: {"text":"a"}\\n\\n'
    PING                    # a comment, so that nobody in between takes silence for the end

Specification: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from ..json_body import dump

__all__ = ["DONE", "HEADERS", "MEDIA_TYPE", "PING", "data"]

MEDIA_TYPE = "text/event-stream"
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"  # OpenAI's end of a stream
# Neither a proxy's buffer nor a cache may hold an event back.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def data(value):
    """One event of JSON."""
    return b"data: " + dump(value) + b"\n\n"
