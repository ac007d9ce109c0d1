"""The request's JSON as the answer."""

from bare import Echo, start

if __name__ == "__main__":
    start(Echo)
