"""Ollama's protocol, which editors and chat programs speak: one module for each of its endpoints that generate.

Reference: https://docs.ollama.com/api. An answer is streamed unless the request says no, as a JSON object a line.
models.py has the version of the protocol, and what is told of models.
"""
