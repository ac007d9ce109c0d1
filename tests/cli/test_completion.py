"""What a shell completes after `daylight`."""

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from service.cli import main
from service.cli.completion import SHELLS


def completed(*words, begun=""):
    found = ShellComplete(main, {}, "daylight", "_DAYLIGHT_COMPLETE").get_completions(list(map(str, words)), begun)
    return [item.value for item in found]


def test_models_and_versions_are_those_of_the_store(tabular_store, tmp_path):
    shutil.copytree(tabular_store / "iris", tmp_path / "iris")
    shutil.copytree(tmp_path / "iris" / "1", tmp_path / "iris" / "2")
    for command in ("describe", "history", "image", "predict", "promote", "remove", "rollback", "verify"):
        assert completed(command, "--store", tmp_path) == ["iris"], command
    assert completed("history", "--store", tmp_path, begun="x") == []
    assert completed("promote", "--store", tmp_path, "iris") == ["2", "1"]


def test_a_store_that_is_not_there_completes_nothing_and_says_nothing(tmp_path):
    assert completed("promote", "--store", tmp_path / "none") == []
    assert completed("promote", "--store", tmp_path / "none", "../x") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(shell):
    ran = CliRunner().invoke(main, ["completion", shell], prog_name="daylight")
    assert ran.exit_code == 0
    assert "_DAYLIGHT_COMPLETE" in ran.output


def test_python_m_service_has_no_name_to_complete():
    ran = CliRunner().invoke(main, ["completion", "fish"], prog_name="python -m service")
    assert ran.exit_code == 1
    assert "install Daylight" in ran.output


def test_bash_completes_with_the_script(tabular_store, tmp_path):
    """The script as a user's shell has it, and the words that bash then offers."""
    script = CliRunner().invoke(main, ["completion", "bash"], prog_name="daylight").stdout
    program = tmp_path / "daylight"
    python = sys.executable
    program.write_text(f"#!{python}\nfrom service.cli import main\nmain(prog_name='daylight')\n")
    program.chmod(0o755)
    line = f"""{script}
COMP_WORDS=(daylight history --store {tabular_store} "") COMP_CWORD=4
_daylight_completion daylight "" {tabular_store}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}
    told = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "iris" in told.stdout.split()
