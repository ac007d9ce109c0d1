"""The processes: everything that imports gunicorn, and what the workers of one server agree on."""
