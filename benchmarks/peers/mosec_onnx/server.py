"""Rows as lists."""

from bare import Predictor, start

if __name__ == "__main__":
    start(Predictor)
