"""The dialects: each turns the bytes of one published protocol into plain calls, and plain answers into bytes.

What a dialect is, adapter.py says. It knows capabilities, and neither models nor HTTP servers: which paths it
answers stands in the table of routes (service.web.routes). dialects.py has them all; whoever needs the formats of
tables alone, as files of rows do, does not load them.
"""

from .adapter import Adapter, Decoded, Encoded, Request

__all__ = ["Adapter", "Decoded", "Encoded", "Request"]
