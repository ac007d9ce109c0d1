"""Encoders: networks that read whole texts at once, the texts of many requests together. Token ids in, numbers out."""
