"""A collection of garbage in the middle of our own steps, in several threads at once, stops nobody."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys, threading
from mcptelemetry.privacy._switches import is_under_test_runner
from mcptelemetry.system import Turns

class Node:
    def __del__(self):
        for _ in range(200):  # long enough for another thread to be let in
            pass

def litter():
    one, other = Node(), Node()
    one.other, other.other = other, one

turns = Turns()

def leave():
    turns.take(30)

def run():
    for round_ in range(2000):
        litter()
        is_under_test_runner()
        if round_ % 10 == 0:
            leave()  # without giving it back: whoever comes next looks for where this one is

gc.set_threshold(5)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=run) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("over")
"""


def test_collections_in_four_threads_stop_nobody():
    """
    Looking where other threads are never stands still.

    `sys._current_frames()` does, for ever, on Python 3.11.0 to 3.11.7.
    """
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("over\n", "")
