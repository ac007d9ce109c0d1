"""Daylight's text engine beside other ways to serve the same checkpoint: each in an environment of its own, in turns.

make bench-text        (python -m benchmarks.text --quick --only serve_cb,llama_float32 --clients 1,4)
"""
