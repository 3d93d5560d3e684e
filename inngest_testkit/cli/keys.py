"""`inngest-testkit keys`: the keys that sources of events send with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from inngest_testkit.cli.options import API_URL, NAME, ApiUrl, AsJson, epilog
from inngest_testkit.cli.output import Screen, reported

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXAMPLES", "keys"]

EXAMPLES = {
    "keys create": (f"{NAME} keys create webshop", f"{NAME} keys create webshop --json"),
    "keys list": (f"{NAME} keys list", f"{NAME} keys list --api-url http://127.0.0.1:8300"),
    "keys revoke": (f"{NAME} keys revoke key_0123456789abcdef",),
}
_STATUS = """\
  0  done
  1  there is no server, or it refuses: no such key, or no such name
  2  an option is wrong; stderr says how"""

_KEY = "id name prefix createdAt revokedAt"

keys = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the keys that sources of events send with.",
    epilog=epilog(_STATUS, *(each[0] for each in EXAMPLES.values())),
    rich_markup_mode=None,
)


@keys.command(epilog=epilog(_STATUS, *EXAMPLES["keys create"]))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="Whose key it is, for people.")],
    *,
    api_url: ApiUrl = API_URL,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown now and never again: the server keeps a hash of it."""
    from inngest_testkit.cli.core_client import CoreClient

    screen = Screen.of_stdout()
    with reported(screen), CoreClient(api_url) as core:
        made = core.ask("mutation($name: String!) {createSourceKey(name: $name) {id name key createdAt}}", name=name)
        if as_json:
            screen.write(json.dumps(made, indent=2))
            return
        screen.write(made["key"])
        screen.tell("Note", f"this is the key of {made['name']!r}, id {made['id']}; it is not shown again")


@keys.command("list", epilog=epilog(_STATUS, *EXAMPLES["keys list"]))
def list_(*, api_url: ApiUrl = API_URL, as_json: AsJson = False) -> None:
    """List the keys, revoked ones too, oldest first."""
    from inngest_testkit.cli.core_client import CoreClient

    screen = Screen.of_stdout()
    with reported(screen), CoreClient(api_url) as core:
        found = core.ask(f"{{sourceKeys {{{_KEY}}}}}")
        if as_json:
            screen.write(json.dumps(found, indent=2))
        elif not found:
            screen.tell("Note", "there are no keys; make one with: inngest-testkit keys create NAME")
        for key in () if as_json else found:
            screen.write(_line(key))


@keys.command(epilog=epilog(_STATUS, *EXAMPLES["keys revoke"]))
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="The key's id, as the list shows it.")
    ],
    *,
    api_url: ApiUrl = API_URL,
    as_json: AsJson = False,
) -> None:
    """End a key: events are no longer taken with it."""
    from inngest_testkit.cli.core_client import CoreClient

    screen = Screen.of_stdout()
    with reported(screen), CoreClient(api_url) as core:
        ended = core.ask(f"mutation($id: ID!) {{revokeSourceKey(id: $id) {{{_KEY}}}}}", id=key_id)
        screen.write(json.dumps(ended, indent=2) if as_json else _line(ended))


def _line(key: Mapping[str, str | None]) -> str:
    end = f"revoked {key['revokedAt']}" if key["revokedAt"] else "valid"
    return f"{key['id']}  {key['prefix']}…  {key['name']}  made {key['createdAt']}  {end}"
