"""The options of `inngest-testkit dev`; what it does stands in `cli.dev`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inngest_testkit.cli.output import Screen, reported

__all__ = ["EXAMPLES", "STATUS", "dev"]

EXAMPLES = (
    "inngest-testkit dev",
    "inngest-testkit dev functions/ --port 9000",
    "inngest-testkit dev -u http://localhost:3000/api/inngest",
    "inngest-testkit dev functions/ --virtual-time --start 2025-06-01T09:00Z",
    "inngest-testkit dev --host 0.0.0.0 --require-keys --event-key $KEY",
)

STATUS = """\
  0  stopped, by Ctrl-C or SIGTERM
  2  the functions or an option are wrong, or the port is taken"""

_LEVELS = ("trace", "debug", "info", "warn", "error")
#: Options of the server's command that mean nothing here, since there is nothing that they would turn off or set.
_TAKEN = "Accepted for scripts; nothing is discovered but what --sdk-url names."


def dev(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="A folder (every inngest.json and inngest.cue below it), or one such file.  [default: .]",
        ),
    ] = Path(),
    *,
    sdk_url: Annotated[
        list[str] | None,
        typer.Option(
            "--sdk-url",
            "-u",
            metavar="URL",
            show_default=False,
            help="Where an app serves its functions, such as http://localhost:3000/api/inngest. It is asked to "
            "register until it does, and again when it changes. May be repeated.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="The address to listen on. Machines that reach it may send events and register apps.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", metavar="PORT", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8288,
    virtual_time: Annotated[
        bool, typer.Option("--virtual-time", help="A clock that moves only when it is told, on the page or over HTTP.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", show_default=False, help="Where a virtual clock starts.  [default: 2024-01-01T00:00:00Z]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes the ids.")] = 0,
    require_keys: Annotated[
        bool, typer.Option("--require-keys", help="Take events and invocations only with a key that is registered.")
    ] = False,
    event_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", show_default=False, help="A key that is registered from the start. May be repeated."
        ),
    ] = None,
    signing_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", show_default=False, help="Signs the calls to apps, and checks who registers."),
    ] = None,
    retry_interval: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, help="Seconds between attempts; 0: they grow, as by default.")
    ] = 0,
    poll_interval: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, help="Seconds between two looks at an app of --sdk-url.")
    ] = 5,
    no_poll: Annotated[
        bool, typer.Option("--no-poll", help="Look at an app of --sdk-url until it has registered, and no more.")
    ] = False,
    keep: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many runs that are over to keep in memory, the last ones.")
    ] = 10_000,
    no_reload: Annotated[
        bool, typer.Option("--no-reload", help="Do not load functions again when their files change.")
    ] = False,
    remote_control: Annotated[
        bool,
        typer.Option(
            "--remote-control",
            help="Open all to other machines, too: the page, /testkit, /gql and what tells of or changes runs.",
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", show_default=False, help="A name by which the server may be called. May be repeated."
        ),
    ] = None,
    log_level: Annotated[
        str, typer.Option("--log-level", "-l", metavar="LEVEL", help=f"How much to tell: {', '.join(_LEVELS)}.")
    ] = "info",
    verbose: Annotated[bool, typer.Option("--verbose", help="As --log-level debug.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each transition as a line of JSON.")] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours, also on a terminal (as with NO_COLOR=1).")
    ] = False,
    no_discovery: Annotated[bool, typer.Option("--no-discovery", help=_TAKEN)] = False,
) -> None:
    """Run the dev server: event API, endpoints for SDKs, and a page that shows runs as they happen.

    Functions below PATH are loaded, and loaded again when their files change. Everything is in memory: what was not
    over when the server ends is lost, and the next one says what that was.
    """
    if log_level not in _LEVELS:
        raise typer.BadParameter(f"{log_level!r} is none of {', '.join(_LEVELS)}", param_hint="--log-level")
    screen = Screen.of_stdout(no_color=no_color)
    with reported(screen):
        from inngest_testkit.cli.dev import DevOptions, run_dev
        from inngest_testkit.cli.live_log import Level

        level = "debug" if verbose or log_level == "trace" else log_level
        options = DevOptions(
            path=path,
            sdk_urls=tuple(sdk_url or ()),
            host=host,
            port=port,
            virtual_time=virtual_time,
            start=start,
            seed=seed,
            require_keys=require_keys,
            event_keys=tuple(event_key or ()),
            signing_key=signing_key,
            retry_interval=retry_interval,
            poll_interval=poll_interval,
            no_poll=no_poll,
            keep=keep,
            no_reload=no_reload,
            remote_control=remote_control,
            allowed_hosts=tuple(allow_host or ()),
            log_level=Level[level.upper()],
            as_json=as_json,
        )
        raise typer.Exit(run_dev(options, screen))
