"""`inngest-testkit serve`: the services of the server, apart or together."""

from __future__ import annotations

from typing import Annotated

import typer

from inngest_testkit.cli.options import NAME
from inngest_testkit.cli.output import Screen, reported

__all__ = ["EXAMPLES", "STATUS", "serve"]

EXAMPLES = (
    f"{NAME} serve event-api runner executor core-api",
    f"{NAME} serve event-api -c inngest.cue",
)
STATUS = """\
  0  stopped by SIGINT or SIGTERM
  2  a service, the configuration or an address is wrong; stderr says how"""


def _complete_service(incomplete: str) -> list[str]:
    return [name for name in ("event-api", "runner", "executor", "core-api") if name.startswith(incomplete)]


def serve(
    services: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SERVICE...",
            show_default=False,
            help="What to start: event-api, runner, executor, core-api. At least one.",
            autocompletion=_complete_service,
        ),
    ] = None,
    *,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            show_default=False,
            help="The configuration, CUE or JSON. Without it: inngest.cue or inngest.json here or in /etc, else the "
            "text in $INNGEST_CONFIG, else the defaults.",
        ),
    ] = None,
) -> None:
    """Start services of the server, each doing its own work alone.

    Services meet only through their stores: with stores in memory, all of them have to be in one process to run
    functions, and the log says at the start which of them are missing. Functions come with `deploy`. Logs are lines of
    JSON on stderr.
    """
    screen = Screen.of_stdout()
    with reported(screen):
        run_services(tuple(dict.fromkeys(services or ())), config)


def run_services(names: tuple[str, ...], config: str | None) -> None:
    """Run services until a signal; raises the library's errors for what is wrong, before anything is started."""
    import sys

    import anyio

    from inngest_testkit.errors import MissingExtraError

    try:
        from inngest_testkit.api import services
        from inngest_testkit.api.configuration import load_configuration
        from inngest_testkit.api.logs import log_to
    except ImportError as error:
        if (error.name or "").startswith("inngest_testkit"):
            raise
        raise MissingExtraError("serve", "server") from error
    loaded = load_configuration(config)
    services.check_services(names, loaded.configuration)
    log_to(sys.stderr, loaded.configuration.log.level)
    anyio.run(services.run_services, loaded, names)
