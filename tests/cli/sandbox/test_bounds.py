"""What a file's own code cannot use up while it is packed in the sandbox."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from service.cli.sandbox import watch
from tests.support.sandbox import needs_sandbox, write_class


@needs_sandbox
def test_memory_is_bounded(pack, tmp_path):
    ran = pack(write_class(tmp_path, "here = len(bytearray(2**40))"))
    assert ran.exit_code == 1
    assert "cannot answer its example" in ran.output
    assert "it was opened in a sandbox, without network" in ran.output
    assert "--no-sandbox" in ran.output


@needs_sandbox
def test_memory_of_several_processes_is_bounded_together(pack, tmp_path):
    body = """
        for _ in range(6):
            if os.fork() == 0:
                held = b'x' * 100_000_000
                time.sleep(100)
        time.sleep(100)
        here = 0
    """
    ran = pack(write_class(tmp_path, body), DAYLIGHT_SANDBOX_BYTES=str(400 * 2**20))
    assert ran.exit_code == 1
    assert "was ended in the sandbox: it took more than 0.4 GiB of memory. DAYLIGHT_SANDBOX_BYTES" in ran.output


@needs_sandbox
def test_processes_are_bounded(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "TASKS", 100)
    body = """
        for _ in range(200):
            if os.fork() == 0:
                time.sleep(100)
        time.sleep(100)
        here = 0
    """
    ran = pack(write_class(tmp_path, body))
    assert ran.exit_code == 1
    assert "it started more than 100 processes and threads" in ran.output


@needs_sandbox
def test_time_is_bounded_and_nothing_is_left(pack, tmp_path):
    started = time.monotonic()
    ran = pack(write_class(tmp_path, "time.sleep(1000); here = 0"), DAYLIGHT_SANDBOX_SECONDS="3")
    assert time.monotonic() - started < 30
    assert ran.exit_code == 1
    assert "it did not end within 3 seconds" in ran.output
    assert not (tmp_path / "store").exists()


@needs_sandbox
def test_files_are_bounded(pack, tmp_path):
    body = f"""
        for number in range(8):
            with open({str(tmp_path / "store")!r} + f"/{{number}}", "wb") as file:
                for _ in range(150):
                    file.write(bytes(2**20))
        time.sleep(100)
        here = 0
    """
    ran = pack(write_class(tmp_path, body), DAYLIGHT_SANDBOX_BYTES=str(300 * 2**20))
    assert ran.exit_code == 1
    assert "it wrote more than 0.6 GiB" in ran.output
    assert not (tmp_path / "store").exists()


@needs_sandbox
def test_a_process_that_detaches_itself_ends_with_the_others(answer):
    answer(
        """
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(613.25)"])
        here = 0
        """
    )
    assert not [each for each in commands() if b"613.25" in each and b"sleep" in each]


def commands():
    """The command lines of all processes; any of them may end meanwhile."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()


@needs_sandbox
def test_nothing_outlives_the_command(tmp_path):
    """A command that is killed takes the sandbox with it."""
    file = write_class(tmp_path, "time.sleep(614.25); here = 0")
    root = Path(watch.__file__).parents[3]
    command = [sys.executable, "-m", "service", "pack", file, "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not boxed(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        inside = boxed(process.pid)
        assert inside
        process.kill()
    deadline = time.monotonic() + 10
    while any(map(running, inside)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in inside if running(pid)]


def boxed(pid):
    """The processes in the sandbox of a command, once there are its first one and Python."""
    below = watch.descendants(pid)[1:]
    return below if len(below) >= 3 else []


def running(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
