"""Server-sent events: how a stream is written over HTTP.

    data({"text": "a"})     # b'data: {"text":"a"}\\n\\n'
    PING                    # a comment, so that nobody in between takes silence for the end

Specification: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from ..json_body import dump

__all__ = ["DONE", "HEADERS", "MEDIA_TYPE", "PING", "data", "frame"]

MEDIA_TYPE = "text/event-stream"
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"  # OpenAI's end of a stream
# Neither a proxy's buffer nor a cache may hold an event back.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def data(value):
    """One event of JSON."""
    return frame(dump(value))


def frame(body, event=""):
    """One event. body: bytes without line breaks. event: its name, where it has one."""
    name = b"event: " + event.encode() + b"\n" if event else b""
    return name + b"data: " + body + b"\n\n"
