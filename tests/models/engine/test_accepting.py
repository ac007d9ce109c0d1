"""The engine process goes on accepting workers, whatever became of one."""

import socket
import threading
from types import SimpleNamespace

import pytest

from service.models.engine import __main__ as process
from service.models.engine.host import Host


class Over(Exception):
    """Ends the loop that a test runs."""


class Listener:
    """Gives, or raises, one of these at each call of `accept`."""

    def __init__(self, *outcomes):
        self.outcomes = iter((*outcomes, Over()))

    def accept(self):
        outcome = next(self.outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, ""


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(process, "LOOK", 0.0)


def test_a_worker_is_served_after_the_system_had_no_descriptor_for_another(at_once, caplog):
    """The thread that accepts ended by the error, and no worker that was started later had an engine any more."""
    served = []
    with pytest.raises(Over):
        process.accept(Listener(OSError(24, "Too many open files"), "sock"), SimpleNamespace(serve=served.append))
    assert served == ["sock"]
    assert "cannot be served yet: [Errno 24]" in caplog.text


def test_a_connection_that_gets_no_thread_is_closed_and_the_next_one_is_served(at_once, monkeypatch):
    """Its worker would have waited for an answer for as long as it lived."""
    host = Host(None, None, None)
    ours, theirs = socket.socketpair()
    started = []

    class OneThreadLeft(threading.Thread):
        def start(self):
            if started:
                raise RuntimeError("can't start new thread")
            started.append(self)
            super().start()

    with monkeypatch.context() as patched:
        patched.setattr("service.models.engine.host_connection.threading.Thread", OneThreadLeft)
        with pytest.raises(Over):
            process.accept(Listener(theirs), host)
    ours.settimeout(10)
    assert ours.recv(1) == b""
    started[0].join(10)
    assert not host.connected
    ours.close()
    theirs.close()
