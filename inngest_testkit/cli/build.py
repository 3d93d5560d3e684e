"""`inngest-testkit build`: check functions, and build the images of their container steps."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from inngest_testkit.cli.options import NAME, AsJson, NoColor, PathArgument
from inngest_testkit.cli.output import Screen, reported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from inngest_testkit.cli.docker import Image

__all__ = ["EXAMPLES", "STATUS", "Prod", "build", "environment", "watched"]

EXAMPLES = (
    f"{NAME} build functions/",
    f"{NAME} build functions/ --platform linux/amd64 --json",
)
STATUS = """\
  0  the functions are right, and every image they need was built
  1  an image was not built
  2  the functions or an option are wrong, or docker is missing"""

Prod = Annotated[
    bool,
    typer.Option(
        "--prod",
        help="Name images and actions for the environment prod, not test. It is prod also where ENV, NODE_ENV or "
        "ENVIRONMENT is production.",
    ),
]
Platform = Annotated[
    str | None, typer.Option(metavar="OS/ARCH", show_default=False, help="Build for this, such as linux/amd64.")
]


def environment(prod: bool) -> str:  # noqa: FBT001 - an option of the command
    """Return the environment of actions, `prod` or `test`. Source: recordings/dag README, "Defaults, ids, DSN"."""
    asked = any(os.environ.get(name) == "production" for name in ("ENV", "NODE_ENV", "ENVIRONMENT"))
    return "prod" if prod or asked else "test"


def build(
    path: PathArgument,
    *,
    platform: Platform = None,
    prod: Prod = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Check the functions under PATH, and build an image for each step that runs in a container.

    All are built at once, with docker buildx; the image of a step has the name of its action.
    """
    from inngest_testkit.cli.docker import build_images, images_of
    from inngest_testkit.cli.run import no_functions
    from inngest_testkit.functions.loader import load_functions

    screen = Screen.of_stdout(no_color=no_color)
    with reported(screen):
        loaded = load_functions(path)
        if not loaded:
            raise no_functions(path)
        images = images_of(loaded, environment(prod))
        if images:
            with watched(images, screen) as tell:
                build_images(images, tell, platform)
        if as_json:
            built = [
                {"function": i.function_id, "step": i.step_id, "image": i.tag, "folder": str(i.folder)} for i in images
            ]
            screen.write(json.dumps({"functions": [each.function.id for each in loaded], "images": built}, indent=2))
        elif not images:
            count = "1 function is" if len(loaded) == 1 else f"{len(loaded)} functions are"
            screen.write(f"{count} right; no step runs in a container, so there is nothing to build")
        else:
            for image in images:
                screen.write(f"built {image.tag} from {image.folder}")


@contextmanager
def watched(images: Sequence[Image], screen: Screen) -> Iterator[Callable[[Image, float, bool], None]]:
    """Show how images are built: bars on a terminal, lines elsewhere, both on stderr."""
    if screen.error_width is None:
        for image in images:
            screen.tell("Note", f"building image {image.tag}")

        def tell(image: Image, _: float, done: bool) -> None:  # noqa: FBT001 - as the build calls it
            if done:
                screen.tell("Note", f"successfully built image {image.tag}")

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True, no_color=not screen.error_color)
    with Progress(*columns, console=console) as progress:
        bars = {image: progress.add_task(image.tag, total=1.0) for image in images}
        yield lambda image, part, _: progress.update(bars[image], completed=part)
