"""The commands and their options; what they do stands in the module of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from inngest_testkit.cli import build, deploy, dev_command, init, keys, serve
from inngest_testkit.cli.options import NAME, AsJson, NoColor, PathArgument, epilog
from inngest_testkit.cli.output import Screen, reported
from inngest_testkit.version import installed_version

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXAMPLES", "app", "run_app"]

#: The examples of each command's help; the tests run them.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": init.EXAMPLES,
    "run": (
        f"{NAME} run functions/",
        f"{NAME} run functions/ --until 7d --json",
        f"""{NAME} run functions/ --event '{{"name": "order/placed"}}' \\
      --mock charge='{{"paid": true}}'""",
        f"""{NAME} run functions/ --mock 'payment/charge=!card declined'""",
        f"{NAME} run functions/ --event @event.json --start 2025-06-01T09:00Z",
    ),
    "graph": (
        f"{NAME} graph functions/",
        f"{NAME} graph functions/payment/inngest.json --mermaid",
        f"{NAME} graph functions/ --json",
    ),
    "dev": dev_command.EXAMPLES,
    "build": build.EXAMPLES,
    "serve": serve.EXAMPLES,
    "deploy": deploy.EXAMPLES,
    **keys.EXAMPLES,
    "version": (f"{NAME} version", f"{NAME} version --json"),
}

_STATUS = """\
  0  all runs were completed, or only wait for something after --until
  1  a run failed
  2  the functions, an event or an option are wrong; stderr says how"""

_GRAPH_STATUS = """\
  0  every function was drawn
  2  the functions or an option are wrong; stderr says how"""


app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n" + "\n".join(f"  {EXAMPLES[command][0]}" for command in EXAMPLES),
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of typer
    if wanted:
        typer.echo(f"{NAME} {installed_version()}")
        raise typer.Exit


@app.callback()
def _app(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The Inngest dev server as a library, on the command line.

    Runs the functions of a project on a fake clock, where days take milliseconds, draws them, builds them, and brings
    them to a server.
    """


@app.command(epilog=epilog(_STATUS, *EXAMPLES["run"]))
def run(
    path: PathArgument,
    *,
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JSON|@FILE",
            show_default=False,
            help="Send this event, or the events of a list together. @FILE reads a file, @- the standard input. "
            "More than one --event: sent one after the other. Without it, one event is made for each trigger.",
        ),
    ] = None,
    mock: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP=JSON",
            show_default=False,
            help="Let this be the step's output; STEP=!TEXT lets it fail with the text. Write FUNCTION/STEP where "
            "several functions have the step. May be repeated.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            show_default=False,
            help="Stop after this virtual time, such as 90s, 36h or 7d. Without it: when all runs are over, 366d "
            "at most; 1d where a function has a schedule.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", show_default=False, help="Where the clock starts.  [default: 2024-01-01T00:00:00Z]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes the ids, and the data of made events.")] = 0,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Run functions on the fake clock, and print what happened.

    HTTP steps call their URL; steps of other runtimes, and those that should not be called, get a --mock.
    Steps take no time, waits and retries take virtual time.
    """
    from inngest_testkit.cli.run import RunOptions, run_functions

    options = RunOptions(
        path=path,
        events=tuple(event or ()),
        mocks=tuple(mock or ()),
        until=until,
        start=start,
        seed=seed,
        as_json=as_json,
    )
    screen = Screen.of_stdout(no_color=no_color)
    with reported(screen):
        raise typer.Exit(run_functions(options, screen))


@app.command(epilog=epilog(_GRAPH_STATUS, *EXAMPLES["graph"]))
def graph(
    path: PathArgument,
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid flowcharts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw each function under PATH: its triggers, steps and edges."""
    from inngest_testkit.cli.graph import draw_functions

    screen = Screen.of_stdout()
    with reported(screen):
        draw_functions(path, screen, mermaid=mermaid, as_json=as_json)


app.command(epilog=epilog(init.STATUS, *EXAMPLES["init"]))(init.init)
app.command(epilog=epilog(dev_command.STATUS, *EXAMPLES["dev"]))(dev_command.dev)
app.command(epilog=epilog(build.STATUS, *EXAMPLES["build"]))(build.build)
app.command(epilog=epilog(serve.STATUS, *EXAMPLES["serve"]))(serve.serve)
app.command(epilog=epilog(deploy.STATUS, *EXAMPLES["deploy"]))(deploy.deploy)
app.add_typer(keys.keys, name="keys")


@app.command(epilog=epilog("  0  always", *EXAMPLES["version"]))
def version(*, as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(
        json.dumps({"name": NAME, "version": installed_version()}) if as_json else f"{NAME} {installed_version()}"
    )


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name=NAME)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0
