"""Functions that are controlled over HTTP, and what is asked of them."""

from __future__ import annotations

from functools import partial

import anyio

from inngest_testkit import Function, Step, after, on_event

__all__ = ["ask", "drip", "settled", "until"]


def drip(charge=lambda: {"ok": True}):
    """A run that charges, and welcomes three days later."""
    steps = [Step("charge", charge), Step("welcome", lambda: "hello", after=after("charge", wait="3d"))]
    return Function("drip", on_event("signed.up"), steps=steps)


async def ask(client, method, path, body=None, *, status=200):
    """The JSON of an answer, whose status has to be this one."""
    send = partial(client.request, method, f"/testkit/{path}")
    answer = await (send() if body is None else send(json=body))
    assert answer.status_code == status, answer.text
    return answer.json()


async def until(client, path, is_so):
    """What is told, once it is so; within ten seconds."""
    with anyio.fail_after(10):
        # Without a socket nothing else would let the engine work.
        while not is_so(told := await ask(client, "GET", path)):  # noqa: ASYNC110 - over HTTP there is nothing to wait for
            await anyio.sleep(0.001)
    return told


async def settled(client):
    """The clock, when the engine has done what is due."""
    return await until(client, "clock", lambda clock: clock["idle"])
