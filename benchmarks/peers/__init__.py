"""Daylight beside other ways to serve the same scikit-learn models: each in an environment of its own, in turns.

make bench-peers        (python -m benchmarks.peers --quick --only fastapi_onnx,mlserver --models svm)
"""
