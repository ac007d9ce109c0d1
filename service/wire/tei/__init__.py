"""text-embeddings-inference's protocol: one module for each of its endpoints.

Reference: https://huggingface.github.io/text-embeddings-inference/. A request names no model.
"""
