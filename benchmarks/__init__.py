"""Measurements against plain alternatives: `make bench`. The last line each prints is one JSON document."""
