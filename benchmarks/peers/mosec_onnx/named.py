"""Columns by name."""

from bare import Named, start

if __name__ == "__main__":
    start(Named)
