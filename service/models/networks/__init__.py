"""Networks over tensors: what their inputs take, and the graph that computes their outputs."""
