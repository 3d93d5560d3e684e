"""The shop, in a process of its own, with the test's server as its Inngest server."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


@pytest.fixture
def shop(inngest_server):
    command = [sys.executable, str(Path(__file__).with_name("shop.py"))]
    env = {**os.environ, **inngest_server.env}
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            port = int(process.stdout.readline())  # it tells when it listens
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as shop:
                # The SDK registers its functions with its server when it is asked to.
                assert shop.put("/api/inngest").status_code == 200
                yield shop
        finally:
            process.terminate()
