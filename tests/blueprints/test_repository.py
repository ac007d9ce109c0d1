"""The admin routes that load and unload models."""

import errno
import os
from dataclasses import replace

from service.app import create_app
from service.settings import Settings
from service.web.services import EXTENSION


class FullFolder:
    """A rollout whose run folder has no room left."""

    def ask(self, name, *, load):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_run_folder_is_the_servers_trouble_and_may_pass(tabular_store):
    """It was a 500 without a word."""
    app = create_app(Settings(store=tabular_store))
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], rollout=FullFolder())
    answer = app.test_client().post("/v2/repository/models/iris/load")
    assert answer.status_code == 503
    assert "No space left on device" in answer.json["error"]
    assert int(answer.headers["Retry-After"]) >= 1
