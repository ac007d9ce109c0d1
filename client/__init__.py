"""Daylight's client: predictions and completions from a Daylight server, with requests alone.

client = Client("http://127.0.0.1:1200")
client.predict([{"age": 31, "city": "Rome"}])      # ["yes"]
print(client.generate("Once upon a time"))
"""

from .answers import Completion, Predictions
from .async_client import AsyncClient
from .calls import Timeout
from .client import Client
from .errors import (
    ConnectError,
    ConnectionDropped,
    DaylightError,
    InvalidRequest,
    ModelNotFound,
    ServerError,
    TimedOut,
    TransportError,
    Unavailable,
)
from .retries import Retries
from .streams import TextStream
from .version import __version__

__all__ = [
    "AsyncClient",
    "Client",
    "Completion",
    "ConnectError",
    "ConnectionDropped",
    "DaylightError",
    "InvalidRequest",
    "ModelNotFound",
    "Predictions",
    "Retries",
    "ServerError",
    "TextStream",
    "TimedOut",
    "Timeout",
    "TransportError",
    "Unavailable",
    "__version__",
]
