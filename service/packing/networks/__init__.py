"""Pack a network of torch: a program of torch.export, or a module with example inputs, as a proven ONNX graph."""
