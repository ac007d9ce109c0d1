"""Parts scored by actors of a Ray cluster: that of an address, or one of this machine for the run alone.

    for outcome in score_on_ray(task, parts, progress, address="10.0.0.5:6379"): ...

An actor holds the model, and scores one part after the other. Where it dies, alone or with its node, its part goes to
the next that is free, and a new actor takes its place; a part whose actors die three times has failed. A part that is
scored twice replaces itself, as `score_part` writes it whole. What travels is parts and outcomes: the rows, the scored
files and the store are read and written by each node itself.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..settings.machine import cores
from .actors import Actor, Pool, Steps, fault_of_node
from .parts import Part
from .scoring import Progress
from .task import Outcome, Task
from .writing import DRAFT

__all__ = ["score_on_ray"]

CONNECT = 10  # seconds that a cluster may take to accept a connection, and to answer
SETTINGS, TLS_ALERT = b"\4", 21  # types of HTTP/2's frames and of TLS's records
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + bytes(5)  # RFC 9113, 3.4
OBJECTS = 100 * 2**20  # bytes of the object store of a cluster for the run: outcomes are small
SHARED = "every node needs Daylight, and the folders of the store, the rows and the scored files under their names here"


def score_on_ray(
    task: Task, parts: Sequence[Part], progress: Progress, *, address: str | None = None, processes: int | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of each part, in whatever order.

    address: as `ray.init` takes it; None: a cluster of this machine is started, and ended with the run. Where the
    caller is connected already, that cluster is used. processes: how many actors score at once, at most; None: as many
    as there are processors, or nodes where one process fills its machine.

    Raises ValueError where there is no such cluster, or where a node cannot use the folders; StartupError where the
    model cannot be loaded.
    """
    task = replace(task, base=Path.cwd(), folder=task.folder.absolute())
    with connected(address, processes or cores()), probed(task.folder) as probe:
        check_nodes(task, parts[0], probe)
        count, processors = places(task, processes)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        steps = ray.remote(num_cpus=0, scheduling_strategy=here)(Steps).remote()
        actors = ray.remote(num_cpus=processors, max_restarts=0, max_task_retries=0)(Actor)

        def report() -> None:
            with suppress(RayError):
                progress(*ray.get(steps.take.remote()))

        pool = Pool(lambda: actors.remote(task, parts[0], probe, steps), deque(parts))
        try:
            yield from pool.score(min(count, len(parts)), report)
        finally:
            pool.dismiss()


def check_address(address: str) -> None:
    """Raise ValueError where nothing listens, or what does is no gRPC server: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT) as connection:
            connection.sendall(PREFACE)
            answer = connection.recv(64)
    except (OSError, OverflowError) as error:
        raise ValueError(f"no Ray cluster at {address}: {error}") from None
    # With TLS, it is an alert or nothing, and Ray knows more.
    if answer and answer[0] != TLS_ALERT and answer[3:4] != SETTINGS:
        raise ValueError(f"no Ray cluster at {address}: something else listens there")


@contextmanager
def connected(address: str | None, processes: int) -> Iterator[None]:
    """Be connected to a cluster. Raises ValueError."""
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        check_address(address)
    try:
        if address is None:
            # Ray reports the clusters that it starts to its makers, unless it finds this.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init("local", num_cpus=processes, include_dashboard=False, object_store_memory=OBJECTS, **quiet)
        else:
            ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        hint = "" if address is None else "; where it asks for a token: RAY_AUTH_MODE=token"
        raise ValueError(f"no Ray cluster at {address or 'this machine'}: {last_line(error)}{hint}") from None
    # Ray prints the deaths of processes and nodes to standard output, which is the summary's.
    with redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def probed(folder: Path) -> Iterator[Path]:
    """Give a file in the folder by which a node tells that its folder of this name is the same."""
    probe = folder / f".{uuid4().hex}{DRAFT}"  # as a draft: after a kill, the next run deletes it
    probe.write_text(probe.name, encoding="utf-8")
    try:
        yield probe
    finally:
        probe.unlink(missing_ok=True)


def places(task: Task, processes: int | None) -> tuple[int, int]:
    """(how many actors, how many processors each takes). Raises ValueError where no node has one."""
    found = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    nodes = [count for count in found if count]
    if not nodes:
        raise ValueError("no node of the Ray cluster has a processor to score with")
    if processes is None and task.fills_the_machine():
        return sum(count // min(nodes) for count in nodes), min(nodes)
    return processes or sum(nodes), 1


def check_nodes(task: Task, part: Part, probe: Path) -> None:
    """Raise ValueError naming every node that could not score, before anything is."""
    look = ray.remote(num_cpus=0, max_retries=0)(fault_of_node)
    looks = []
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            found = look.options(scheduling_strategy=there).remote(task, part, probe)
            looks.append((node["NodeManagerAddress"], found))
    told = []
    for address, found in looks:
        try:
            fault = ray.get(found)
        except RayTaskError as error:  # as where Daylight, or a library, is not installed
            fault = f"Daylight cannot be imported: {last_line(error)}"
        except RayError:
            continue  # the node has gone meanwhile
        if fault:
            told.append(f"node {address}: {fault}")
    if told:
        raise ValueError(f"{'; '.join(told)}; {SHARED}")


def last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
