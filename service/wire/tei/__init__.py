"""text-embeddings-inference's protocol: one module for each of its endpoints.

Reference: https://huggingface.github.io/text-embeddings-inference/. A request names no model. /predict is the article's
path as well: a body that has this protocol's members alone is this protocol's (predict.py).
"""
