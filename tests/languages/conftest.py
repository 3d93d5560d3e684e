"""Apps in other languages, each a process of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
NODE_MISSING = "Node is not installed: get it from https://nodejs.org, or with `apt-get install nodejs npm`"


@pytest.fixture(scope="session")
def javascript():
    """The folder of the JavaScript app, with its packages; installed once, by one process."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(NODE_MISSING)
    folder = HERE / "javascript"
    installed = folder / "node_modules/.package-lock.json"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
            installed.touch()
    return folder


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def running(command, folder, env, log):
    """A process that listens on a port of its own, until the end; gives its address."""
    port = free_port()
    environment = {**os.environ, **env, "PORT": str(port)}
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 60
            while True:
                try:
                    httpx.get(address)
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait(10)
