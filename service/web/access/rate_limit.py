"""Rate limits of API keys, counted by all workers of one server together.

    buckets = Buckets("/dev/shm/daylight-0-4711")
    buckets.take("shop", rate=10, burst=20)     # 0.0, or the seconds after which one more request would be taken

One number a key is enough (the generic cell rate algorithm, ATM Forum TM 4.0, the same rule as a token bucket): the
moment at which the bucket will be full again. It lies in a file of 8 bytes that every worker maps, and is changed
under a lock on that file, which the kernel takes back from a worker that dies. Dividing the rate by the number of
workers would refuse a client whose one connection stays with one worker.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
from time import monotonic

__all__ = ["Buckets"]

MOMENT = struct.Struct("d")
ROUNDING = 1e-6  # seconds that sums of floats may be off


class Buckets:
    """folder: the run folder that the workers of one server share; "" where this process is alone."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder and os.path.join(folder, "limits")
        if self.folder:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._shared: dict[str, tuple[int | None, mmap.mmap]] = {}  # name -> (descriptor or None, map)
        self._guard = threading.Lock()  # a lock on a file holds between processes only

    def take(self, name: str, rate: float, burst: int) -> float:
        """Take one request of `name` now: 0.0 where it may pass, else the seconds until one may.

        rate: requests a second, > 0. burst: requests taken at once after a pause, >= 1.
        """
        with self._guard:
            descriptor, shared = self._shared.get(name) or self._open(name)
            if descriptor is not None:
                fcntl.lockf(descriptor, fcntl.LOCK_EX)
            try:
                now = monotonic()  # one clock for all processes of the machine, which nobody can set
                full = max(MOMENT.unpack_from(shared)[0], now)
                wait = full - now - (burst - 1) / rate
                if wait > ROUNDING:
                    return wait
                shared[:] = MOMENT.pack(full + 1 / rate)
                return 0.0
            finally:
                if descriptor is not None:
                    fcntl.lockf(descriptor, fcntl.LOCK_UN)

    def _open(self, name: str) -> tuple[int | None, mmap.mmap]:
        descriptor = None
        if self.folder:
            path = os.path.join(self.folder, hashlib.sha256(name.encode()).hexdigest())
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                os.posix_fallocate(descriptor, 0, MOMENT.size)
            except OSError:  # in a full folder, a write to the map would end the process: this worker counts alone
                if descriptor is not None:
                    os.close(descriptor)
                descriptor = None
        bucket = descriptor, mmap.mmap(-1 if descriptor is None else descriptor, MOMENT.size)
        self._shared[name] = bucket
        return bucket
