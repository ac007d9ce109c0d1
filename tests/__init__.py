"""The tests: `make test`. Helpers are imported as `tests.<name>`."""
