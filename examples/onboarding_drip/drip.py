"""An onboarding drip: welcome a new user, wait for the first login, remind those who do not come."""

from __future__ import annotations

from inngest_testkit import Engine, Event, Function, Step, after, on_event


def send_welcome(event: Event) -> dict[str, object]:
    """Send the welcome mail."""
    return {"mail": "welcome", "to": event.data["email"]}


def send_tips(event: Event) -> dict[str, object]:
    """Send tips to those who logged in."""
    return {"mail": "tips", "to": event.data["email"]}


def send_reminder(event: Event) -> dict[str, object]:
    """Remind those who did not log in."""
    return {"mail": "reminder", "to": event.data["email"]}


def close_account(event: Event) -> dict[str, object]:
    """Close the account of those who never came."""
    return {"closed": event.data["id"]}


SAME_USER = "async.data.id == event.data.id"

drip = Function(
    "onboarding-drip",
    on_event("user/signed.up", if_="event.data.plan != 'internal'"),
    steps=[
        Step("welcome", send_welcome),
        Step("tips", send_tips, after=after("welcome", event="user/logged.in", match=SAME_USER, ttl="3d")),
        Step(
            "reminder",
            send_reminder,
            after=after("welcome", event="user/logged.in", match=SAME_USER, ttl="3d", on_timeout=True),
        ),
        Step("close", close_account, after=after("reminder", wait="27d")),
    ],
)


def main() -> None:
    """Show thirty days in the life of a user who never logs in."""
    engine = Engine()
    engine.register(drip)
    run = engine.send("user/signed.up", {"id": 1, "email": "ann@example.com", "plan": "free"}).run
    engine.advance("30d")
    print(run.timeline())


if __name__ == "__main__":
    main()
