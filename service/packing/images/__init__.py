"""From a checkpoint of transformers that classifies images to a version: read, compile, prove, write."""
