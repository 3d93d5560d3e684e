"""The commands and their options; what they do stands in the module of each."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inngest_testkit.cli import dev_command
from inngest_testkit.cli.output import Screen, reported

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXAMPLES", "app", "run_app"]

NAME = "inngest-testkit"

#: The examples of each command's help; the tests run them.
EXAMPLES = {
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
    ),
}

_STATUS = """\b
Exit status:
  0  all runs were completed, or only wait for something after --until
  1  a run failed
  2  the functions, an event or an option are wrong; stderr says how"""

_GRAPH_STATUS = """\b
Exit status:
  0  every function was drawn
  2  the functions or an option are wrong; stderr says how"""


def _epilog(status: str, *commands: str) -> str:
    return _with_examples(status, [example for command in commands for example in EXAMPLES[command]])


def _with_examples(status: str, examples: Sequence[str]) -> str:
    lines = [f"  {example}" for example in examples]
    return f"{status}\n\n\b\nExamples:\n" + "\n".join(lines)


app = typer.Typer(
    name=NAME,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n" + "\n".join(f"  {EXAMPLES[command][0]}" for command in EXAMPLES),
)

PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A folder (every inngest.json and inngest.cue below it), or one such file.",
    ),
]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of typer
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _app(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The Inngest dev server as a library, on the command line.

    Runs the functions of a project on a fake clock, where days take milliseconds, and draws them.
    """


@app.command(epilog=_epilog(_STATUS, "run"))
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours, also on a terminal (as with NO_COLOR=1).")
    ] = False,
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


@app.command(epilog=_epilog(_GRAPH_STATUS, "graph"))
def graph(
    path: PathArgument,
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid flowcharts.")] = False,
) -> None:
    """Draw each function under PATH: its triggers, steps and edges."""
    from inngest_testkit.cli.graph import draw_functions

    screen = Screen.of_stdout()
    with reported(screen):
        draw_functions(path, screen, mermaid=mermaid)


app.command(epilog=_with_examples(dev_command.STATUS, dev_command.EXAMPLES))(dev_command.dev)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"{NAME} {_version()}")


def _version() -> str:
    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name=NAME)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0
