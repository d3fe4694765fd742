"""Completion in a shell: what the extra prints makes a real bash complete our commands."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys

import pytest

OURS = [sys.executable, "-m", "mcptelemetry"]
HAS_EXTRA = importlib.util.find_spec("shtab") is not None


def run(*arguments):
    """Return how our command line, run with *arguments*, ended."""
    return subprocess.run([*OURS, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(HAS_EXTRA, reason="the extra is installed")
def test_without_the_extra_the_mend_is_said():
    """One line says what to install."""
    done = run("--print-completion", "bash")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("-m pip install shtab\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.heavy  # the extra is installed for one interpreter
@pytest.mark.skipif(shutil.which("bash") is None, reason="this system has no bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [(["st"], {"status"}), (["o"], {"on", "off"}), (["--pr"], {"--print-completion"}), (["off", "--ev"], {"--everything"})],
)
def test_bash_completes_commands_and_options(words, completed, tmp_path):
    """The script defines a function that offers what fits the word under the cursor."""
    if not HAS_EXTRA:
        pytest.fail(f'shtab is not installed; run {sys.executable} -m pip install ".[completion]"')
    done = run("--print-completion", "bash")
    assert (done.returncode, done.stderr) == (0, "")
    line = " ".join(["mcptelemetry", *words])
    shell = subprocess.run(
        [
            "bash",
            "--norc",
            "-c",
            f'eval "$1"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMP_LINE="{line}"; COMP_POINT={len(line)}; '
            f'_shtab_mcptelemetry mcptelemetry {words[-1]}; printf "%s\\n" "${{COMPREPLY[@]}}"',
            "bash",
            done.stdout,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed <= set(shell.stdout.split()), shell.stderr


@pytest.mark.heavy
def test_a_shell_that_is_not_known_is_answered_with_those_that_are():
    """Wrong use is one line, and exit status 2."""
    if not HAS_EXTRA:
        pytest.fail(f'shtab is not installed; run {sys.executable} -m pip install ".[completion]"')
    done = run("--print-completion", "ksh")
    assert done.returncode == 2
    assert "choose one of bash, zsh" in done.stderr
    assert len(done.stderr.splitlines()) == 1
