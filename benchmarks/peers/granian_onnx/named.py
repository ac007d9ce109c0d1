"""Columns by name."""

from bare import answer, columns, instances


def app(environ, start_response):
    return answer([[row[name] for name in columns] for row in instances(environ)], start_response)
