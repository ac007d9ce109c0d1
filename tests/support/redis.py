"""A real Redis for tests, in memory only.

with redis_server(folder) as redis: ...      # its URL, a str
redis.stop(); redis.start()                  # away, and back with nothing in it
"""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress

import pytest

from benchmarks.support.nginx import free_port, listens
from benchmarks.support.serving import eventually

__all__ = ["PASSWORD", "RedisProcess", "needs_redis", "redis_server"]

PROGRAM = shutil.which("redis-server")
PASSWORD = "between-us"
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="needs redis-server: apt-get install redis-server")


class RedisProcess(str):
    """The URL of a Redis, its password in it, with what may befall it."""

    def __new__(cls, folder, host, port):
        self = super().__new__(cls, f"redis://:{PASSWORD}@{host}:{port}/0")
        self.folder, self.host, self.port, self.process = folder, host, port, None
        return self

    def start(self):
        command = [
            PROGRAM,
            "--port",
            str(self.port),
            "--bind",
            *dict.fromkeys([self.host, "127.0.0.1"]),  # the same address twice is in use
            "--save",
            "",
            "--requirepass",
            PASSWORD,
        ]
        with (self.folder / "redis.log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        eventually(lambda: listens(self.port), what="Redis listening")

    def stop(self):
        self.process.kill()
        self.process.wait()

    @contextmanager
    def hanging(self):
        """It takes connections, and answers nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def redis_server(folder, host="127.0.0.1"):
    redis = RedisProcess(folder, host, free_port())
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()
