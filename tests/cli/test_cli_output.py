from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def on_terminal(*arguments: str, columns: int = 80, **environment: str) -> str:
    """Run the command line in a terminal; return what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "inngest_testkit.cli", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not read:
            break
        shown += read
    process.wait()
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def run_drip(drip):
    return ("run", str(drip), "--mock", "welcome=" + '"' + "x" * 200 + '"', "--mock", "reminder=!no")


def test_a_terminal_gets_colours_and_lines_that_fit(run_drip):
    shown = on_terminal(*run_drip)
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown
    plain = ESCAPE.sub("", shown)
    assert max(map(len, plain.splitlines())) <= 80
    started = "     +0s                     run starts: event 'user/signed.up' if"
    assert f"{started}\n                             event.data.plan != 'internal'\n" in plain
    assert " · FAILED\n    2024-01-01 00:00:00 → 2024-01-04 00:00:30 (3d30s)\n" in plain


@pytest.mark.parametrize("how", [{"NO_COLOR": "1"}, {}])
def test_a_terminal_gets_no_colours_when_it_wants_none(run_drip, how):
    assert "\x1b" not in on_terminal(*run_drip, *([] if how else ["--no-color"]), **how)


def test_the_label_alone_of_an_error_is_coloured():
    assert on_terminal("run", "nope").startswith("\x1b[1;31mError:\x1b[0m there is no file or folder 'nope'")


def test_what_is_piped_is_neither_wrapped_nor_coloured(cli, run_drip):
    ended = cli(*run_drip)
    assert "\x1b" not in ended.out + ended.err
    assert "run starts: event 'user/signed.up' if event.data.plan != 'internal'\n" in ended.out
    assert "(the trigger of drip has no definition, so its data are empty)\n" in ended.err


def test_a_narrow_stream_of_bytes_gets_what_it_can_hold(drip):
    ended = subprocess.run(
        [sys.executable, "-m", "inngest_testkit.cli", "graph", str(drip)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "welcome" in ended.stdout


def test_a_reader_that_stops_reading_is_no_traceback(drip):
    process = subprocess.Popen(
        [sys.executable, "-m", "inngest_testkit.cli", "graph", str(drip)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait()
