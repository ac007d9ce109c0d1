"""Encoders: models that read whole texts, run in the engine process, compiled to graphs."""
