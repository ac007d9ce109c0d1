"""Published clients, each in an environment of its own, driven against the running server."""
