"""Rows as lists."""

from bare import answer, instances


def app(environ, start_response):
    return answer(instances(environ), start_response)
