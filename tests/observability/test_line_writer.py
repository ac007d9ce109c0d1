"""Lines are written whole, in their order, and soon; of a killed process those of its last moments are lost."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from benchmarks.support.serving import ROOT, eventually
from service.observability.line_writer import AT_ONCE, HELD, LineWriter


@pytest.fixture
def log(tmp_path):
    with (tmp_path / "log").open("w+") as file:
        yield file


def content(file):
    return os.pread(file.fileno(), 10**7, 0)


def test_without_hold_each_line_is_written_at_once(log):
    lines = LineWriter(log)
    lines.add(b"one\n")
    assert content(log) == b"one\n"


def test_held_lines_are_written_soon_though_nobody_adds_another(log):
    lines = LineWriter(log)
    lines.hold()
    for number in range(3):
        lines.add(b"%d\n" % number)
        eventually(lambda number=number: content(log).endswith(b"%d\n" % number), seconds=100 * HELD, what="the line")
    assert content(log) == b"0\n1\n2\n"


def test_flush_writes_them_in_their_order_and_in_pieces_that_a_pipe_takes_whole(log, monkeypatch):
    lines, sizes, write = LineWriter(log), [], os.write
    monkeypatch.setattr(os, "write", lambda file, piece: sizes.append(len(piece)) or write(file, piece))
    lines.held = True  # and no thread that would write them
    added = [b"%d %s\n" % (number, b"x" * (number % 300)) for number in range(200)]
    for line in added:
        lines.add(line)
    lines.flush()
    assert content(log) == b"".join(added)
    assert max(sizes) <= AT_ONCE
    assert len(sizes) < len(added) / 5


def test_no_line_is_lost_or_torn_where_threads_meet(log):
    lines = LineWriter(log)
    lines.hold()

    def add(name):
        for number in range(500):
            lines.add(b"%d %d\n" % (name, number))

    threads = [threading.Thread(target=add, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = sorted(b"%d %d" % (name, number) for name in range(8) for number in range(500))
    eventually(lambda: sorted(content(log).splitlines()) == wanted, what="all lines")


def test_a_closed_file_harms_nobody(log):
    lines = LineWriter(log)
    log.close()
    with pytest.raises(ValueError, match="closed"):
        log.fileno()
    lines.add(b"one\n")


CHILD = """
import sys, time
from service.observability.line_writer import LineWriter
lines = LineWriter(sys.stderr)
lines.hold()
lines.add(b"first\\n")
time.sleep({wait})
lines.add(b"last\\n")
print("added", flush=True)
time.sleep({stay})
"""


def child(wait, stay):
    code = CHILD.format(wait=wait, stay=stay)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes)


def test_a_process_that_ends_loses_no_line():
    with child(wait=0, stay=0) as process:
        assert process.communicate(timeout=30)[1] == b"first\nlast\n"


def test_a_killed_process_loses_its_last_moments_alone():
    with child(wait=1, stay=30) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        assert process.communicate(timeout=30)[1] in (b"first\n", b"first\nlast\n")
