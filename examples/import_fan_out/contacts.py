"""An import that fans out: split a file into parts, import them side by side, and report when all are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inngest_testkit import Event, Function, Step, after, on_event

PARTS = ("a-f", "g-m", "n-s", "t-z")


def split(event: Event) -> dict[str, list[str]]:
    """Sort the names into the parts."""
    names = [str(name).lower() for name in event.data["names"]]
    return {part: [name for name in names if part[0] <= name[:1] <= part[-1]] for part in PARTS}


def import_part(part: str) -> Callable[..., int]:
    """Return the step that imports one part."""

    def run(steps: Mapping[str, Any]) -> int:
        return len(steps["split"][part])

    return run


def report(steps: Mapping[str, Any], send: Callable[..., None]) -> dict[str, int]:
    """Add the parts up, and tell the rest of the system."""
    total = sum(steps[f"import-{part}"] for part in PARTS)
    send("contacts/imported", {"total": total})
    return {"total": total}


def thank(event: Event) -> str:
    """Thank for the import."""
    return f"{event.data['total']} contacts imported"


import_contacts = Function(
    "import-contacts",
    on_event("contacts/uploaded", if_="size(event.data.names) > 0"),
    steps=[
        Step("split", split),
        *(Step(f"import-{part}", import_part(part), after="split") for part in PARTS),
        Step("report", report, after=after([f"import-{part}" for part in PARTS])),
    ],
)

thank_user = Function("thank-user", on_event("contacts/imported"), steps=[Step("thank", thank)])
