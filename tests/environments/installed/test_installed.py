"""What a user has after `pip install 'inngest-testkit[sdk]'`, and pytest."""

from datetime import timedelta

import inngest

client = inngest.Inngest(app_id="shop", is_production=False)


@client.create_function(fn_id="remind", trigger=inngest.TriggerEvent(event="user/signed.up"))
async def remind(ctx: inngest.Context) -> str:
    await ctx.step.sleep("wait", timedelta(days=3))
    return f"mail to {ctx.event.data['email']}"


def test_a_user_is_reminded_after_three_days(inngest_engine):
    inngest_engine.serve(client, [remind])
    run = inngest_engine.send("user/signed.up", {"email": "ann@example.com"}).run
    inngest_engine.advance("3d")
    assert run.output == "mail to ann@example.com"
