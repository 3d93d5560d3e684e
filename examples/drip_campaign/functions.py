"""The functions: a drip campaign over thirty days, and the function that chooses tips for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import inngest

from .emails import gateway

client = inngest.Inngest(app_id="shop", is_production=False)

SAME_USER = "async.data.id == event.data.id"


@client.create_function(fn_id="choose-tips", trigger=inngest.TriggerEvent(event="tips/wanted"), retries=1)
async def choose_tips(ctx: inngest.Context) -> str:
    """Return the template with the tips that suit a plan."""

    async def look_up() -> str:
        return "tips-for-teams" if ctx.event.data["plan"] == "team" else "tips-for-one"

    return await ctx.step.run("look up", look_up)


async def tell_support(ctx: inngest.Context) -> None:
    """Runs when a campaign has failed for good; the event tells which, and why."""
    failure: Any = ctx.event.data

    async def open_ticket() -> str:
        return gateway.send("support@example.com", f"campaign failed: {failure['error']['message']}")

    await ctx.step.run("open ticket", open_ticket)


@client.create_function(
    fn_id="campaign",
    trigger=inngest.TriggerEvent(event="user/signed.up", expression="event.data.plan != 'internal'"),
    retries=2,
    on_failure=tell_support,
)
async def campaign(ctx: inngest.Context) -> str:
    """Welcome a new user, help those who come back, remind those who do not, and close after thirty days."""
    user: Any = ctx.event.data
    thirty_days = datetime.fromtimestamp(ctx.event.ts / 1000, UTC) + timedelta(days=30)

    async def mail(template: str) -> str:
        return gateway.send(user["email"], template)

    await ctx.step.run("welcome", mail, "welcome")
    await ctx.step.sleep("settle in", timedelta(days=3))
    login = await ctx.step.wait_for_event("login", event="user/logged.in", if_exp=SAME_USER, timeout=timedelta(days=4))
    if login is None:
        await ctx.step.run("remind", mail, "reminder")
        login = await ctx.step.wait_for_event(
            "comeback", event="user/logged.in", if_exp=SAME_USER, timeout=timedelta(days=23)
        )
    if login is None:
        await ctx.step.run("say goodbye", mail, "goodbye")
        await ctx.step.send_event("close", inngest.Event(name="user/closed", data={"id": user["id"]}))
        return "closed"

    template = await ctx.step.invoke("tips", function=choose_tips, data={"plan": user["plan"]})
    await ctx.step.run("send tips", mail, template)
    await ctx.step.sleep_until("thirty days", thirty_days)
    await ctx.step.run("offer", mail, "offer")
    return "active"


FUNCTIONS: list[inngest.Function[Any]] = [campaign, choose_tips]
