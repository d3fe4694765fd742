"""A disk that has trouble and then has none: nothing raises, `status()` says so, and the counts arrive."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is arranged with what Linux has")

# What status() says while it lasts.
WORDS_OF_SCENE = {
    "read-only": "readonly",
    "full": "I/O error",
    "descriptors": "Too many open files",
    "clock": "no calendar",
    "clock-before-1970": "no calendar",
}
WORDS_OF_DISK = {"full-disk": "full", "full-disk-at-first": "full", "read-only-disk": "readonly"}


def own_mounts():
    """Return what a command begins with to mount what it likes, seen by nobody else; skip where that is forbidden."""
    for prefix in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
            return prefix
    return pytest.skip("a disk of one's own needs `unshare --mount`, which is forbidden or missing here")


@pytest.mark.parametrize("scene", WORDS_OF_SCENE)
def test_storage_trouble_is_said_and_passes(run_host, scene):
    """While it lasts `status()` names it; once it is over all six calls are stored, and nothing is said."""
    facts = run_host("storage_trouble_host.py", scene).facts
    assert facts["during"]["degraded"]
    assert WORDS_OF_SCENE[scene] in facts["during"]["failure"]
    assert facts["after"] == {"degraded": False, "failure": None, "set_aside": None}
    assert facts["counted"] == 6


@pytest.mark.parametrize("scene", WORDS_OF_DISK)
def test_disk_that_takes_nothing_is_named_and_the_counts_arrive(run_host, scene):
    """A disk that is truly full, or mounted read-only, is named by `status()`; when it has room all six calls are stored."""
    facts = run_host("storage_trouble_host.py", scene, prefix=own_mounts()).facts
    assert facts["during"]["degraded"]
    assert WORDS_OF_DISK[scene] in facts["during"]["failure"]
    assert facts["is_stored"] is False
    assert facts["after"] == {"degraded": False, "failure": None, "set_aside": None}
    assert facts["counted"] == 6
    assert (facts["delivered"], facts["balanced"]) == (6, True)


def test_descriptors_that_are_used_up_cost_events_until_the_next_start(run_host):
    """Without a free descriptor a client is made and says why it has no events; started again, it delivers them."""
    facts = run_host("storage_trouble_host.py", "descriptors-events").facts
    assert "Too many open files" in facts["during"]
    assert facts["delivered"] == 1
    assert facts["tools"] == ["search"]
    assert facts["after"]["mode"] == "on"
    assert facts["counted"] == 2


def test_storage_trouble_of_a_directory_is_said_before_anything_failed(run_host):
    """A process that has not tried to store anything says that the directory cannot be written."""
    facts = run_host("storage_trouble_host.py", "read-only").facts
    assert "may not be written" in facts["elsewhere"]["failure"]


@pytest.mark.parametrize("scene", ["version-0", "version-1"])
def test_storage_that_lost_its_version_is_read_and_mended(run_host, scene):
    """A database without the number of its version is named and read as it is, loses nothing, and gets its number back."""
    facts = run_host("storage_trouble_host.py", scene).facts
    assert facts["before"]["degraded"] is False
    assert facts["during"]["degraded"]
    assert f"number of its version ({scene[-1]} of 4)" in facts["during"]["failure"]
    assert facts["identity"] is True
    assert facts["is_stored"] is True
    assert (facts["counted"], facts["version"]) == (6, 4)
    assert facts["after"] == {"degraded": False, "failure": None, "set_aside": None}
