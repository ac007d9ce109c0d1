"""Names in paths: `<plain:name>` takes no colon, so that `GET .../tumour:predict` is a wrong method (405).

blueprint.record_once(plain_names)      # before the blueprint's first route
"""

from werkzeug.routing import BaseConverter

__all__ = ["plain_names"]


class Plain(BaseConverter):
    regex = "[^/:]+"


def plain_names(state):
    """Let the routes of the blueprint that is being registered say `<plain:name>`."""
    state.app.url_map.converters["plain"] = Plain
