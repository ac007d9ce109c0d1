"""Wheels are the same bytes, wherever and whenever they are built."""

import os
import shutil
import subprocess
import sys
import zipfile

from benchmarks.support.serving import ROOT


def build(source, folder):
    """The one wheel that pip builds of a folder of sources."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def copied(folder, below=""):
    """The files of this checkout that git knows, or is to know, in another folder: of another time and other rights."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", below or "."]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            target.chmod(0o664)
            os.utime(target, (1_500_000_000, 1_500_000_000))
    return folder / below


def test_the_service_s_wheel(wheel, tmp_path):
    other = build(copied(tmp_path / "elsewhere" / "deeper"), tmp_path / "other")
    assert other.name == wheel.name
    assert other.read_bytes() == wheel.read_bytes()
    names = zipfile.ZipFile(wheel).namelist()
    assert "daylight/cli/locks/libraries.txt" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_client_s_wheel(tmp_path):
    wheel, other = (
        build(ROOT / "client", tmp_path / "one"),
        build(copied(tmp_path / "copy", "client"), tmp_path / "other"),
    )
    assert other.name == wheel.name
    assert other.read_bytes() == wheel.read_bytes()
    assert "daylight_client/async_client.py" in zipfile.ZipFile(wheel).namelist()
