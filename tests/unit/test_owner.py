"""Whether the process that began something still runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from craftkit.loop import process_runner


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_a_killed_process_is_dead_though_nobody_has_asked_how_it_ended() -> None:
    """In a container whose first process reaps nothing it stays a zombie for good."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        host = process_runner.owner().rsplit(":", 2)[0]
        name = f"{host}:{child.pid}:{process_runner._started(child.pid)}"
        assert process_runner.is_alive(name)
        child.kill()
        for _ in range(200):
            with open(f"/proc/{child.pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    break
            time.sleep(0.02)
        assert not process_runner.is_alive(name)
    finally:
        child.kill()
        child.wait()
    assert not process_runner.is_alive(name) and process_runner.is_alive(process_runner.owner())
