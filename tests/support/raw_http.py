"""Bytes to a server over a socket, as no HTTP library sends them.

received = exchange("http://127.0.0.1:1200", b"GET / HTTP/9.9\\r\\n\\r\\n")
"""

import socket
from urllib.parse import urlsplit

__all__ = ["exchange"]


def exchange(url, sent):
    """All bytes that come back until the server ends the connection."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received
