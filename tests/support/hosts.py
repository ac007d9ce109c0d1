"""Hosts of the tests' own: network namespaces on one bridge, each with an address, and what may befall a host.

with network() as edge, inside(edge), host(edge, 1, store) as a:
    a.start()
    requests.get(f"{a}/health/ready")            # in a thread that is inside(edge), where a balancer would stand

Needs root and Debian's iproute2. No namespace has a way out of this machine.
"""

import ctypes
import os
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

from benchmarks.support.serving import eventually, gunicorn, launch, ready

__all__ = ["SUBNET", "Host", "host", "inside", "needs_hosts", "network"]

SUBNET = "10.0.0"  # as deploy/hosts has it
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
SLOW = 0.1  # seconds, of which a slowed host works for a tenth


def possible():
    """Whether this process may make network namespaces here."""
    with suppress(OSError):
        tried = subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True)
        return os.geteuid() == 0 and tried.returncode == 0
    return False


needs_hosts = pytest.mark.skipif(not possible(), reason="needs root and `ip`: apt-get install iproute2")


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def network():
    """The name of a namespace with a bridge, at which hosts stand; its own address is SUBNET.1."""
    edge = f"daylight{os.getpid()}"
    ip("netns", "add", edge)
    try:
        ip("-n", edge, "link", "set", "lo", "up")
        ip("-n", edge, "link", "add", "hosts", "type", "bridge")
        ip("-n", edge, "addr", "add", f"{SUBNET}.1/24", "dev", "hosts")
        ip("-n", edge, "link", "set", "hosts", "up")
        yield edge
    finally:
        ip("netns", "del", edge)


@contextmanager
def inside(namespace):
    """This thread, and the threads and processes it starts, are in the namespace while the block runs."""
    with open("/proc/thread-self/ns/net") as before, open(f"/var/run/netns/{namespace}") as there:
        enter(there)
        try:
            yield
        finally:
            enter(before)


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """One host with a server on it, which may be started again. options: of `launch`."""

    def __init__(self, edge, number, store, options):
        self.edge, self.store, self.options = edge, store, options
        self.name, self.link = f"{edge}-{number}", f"host{number}"
        self.address = f"{SUBNET}.{10 + number}"
        self.server, self._running = None, ExitStack()

    def __str__(self):
        return f"http://{self.address}:1200"

    def start(self):
        """Start a server here, and wait until it is ready."""
        command = ["ip", "netns", "exec", self.name, *gunicorn()]
        bind = f"{self.address}:1200"
        self.server = self._running.enter_context(launch(self.store, bind=bind, command=command, **self.options))
        eventually(lambda: ready(self.server), what=f"{self} being ready")

    def kill(self):
        """What a loss of power does to the processes."""
        self._running.close()

    def replace(self):
        """An upgrade: this server ends in order, and another one takes its place."""
        self.server.process.send_signal(signal.SIGTERM)
        assert self.server.process.wait(90) == 0, self.server.log
        self.kill()
        self.start()

    @contextmanager
    def cut_off(self):
        """No packet comes or goes, and nobody is told."""
        ip("-n", self.edge, "link", "set", self.link, "down")
        try:
            yield
        finally:
            ip("-n", self.edge, "link", "set", self.link, "up")

    @contextmanager
    def slowed(self):
        """All its processes work for a tenth of the time."""
        over = threading.Event()

        def pulse():
            while not over.is_set():
                self._signal(signal.SIGSTOP)
                time.sleep(0.9 * SLOW)
                self._signal(signal.SIGCONT)
                time.sleep(0.1 * SLOW)

        pulsing = threading.Thread(target=pulse)
        pulsing.start()
        try:
            yield
        finally:
            over.set()
            pulsing.join()

    def _signal(self, number):
        for pid in [self.server.pid, *self.server.children()]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def host(edge, number, store, **options):
    """A Host, number 1 to 9, in a namespace of its own, its server not started. options: of `launch`."""
    this = Host(edge, number, store, options)
    ip("netns", "add", this.name)
    try:
        ip("link", "add", this.link, "netns", edge, "type", "veth", "peer", "name", "eth0", "netns", this.name)
        ip("-n", edge, "link", "set", this.link, "master", "hosts", "up")
        ip("-n", this.name, "link", "set", "lo", "up")
        ip("-n", this.name, "addr", "add", f"{this.address}/24", "dev", "eth0")
        ip("-n", this.name, "link", "set", "eth0", "up")
        yield this
    finally:
        this.kill()
        ip("netns", "del", this.name)
