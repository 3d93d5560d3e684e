"""`inngest-testkit deploy`: bring functions to a server, as new versions."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inngest_testkit.cli.build import Platform, Prod, environment, watched
from inngest_testkit.cli.options import API_URL, NAME, ApiUrl, AsJson, NoColor, PathArgument
from inngest_testkit.cli.output import CommandFailedError, Screen, reported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.cli.core_client import CoreClient
    from inngest_testkit.cli.docker import Image
    from inngest_testkit.functions.loader import LoadedFunction

__all__ = ["EXAMPLES", "STATUS", "deploy"]

EXAMPLES = (
    f"{NAME} deploy functions/",
    f"{NAME} deploy functions/ --draft --json",
    f"{NAME} deploy functions/ --api-url http://127.0.0.1:8300 --prod",
)
STATUS = """\
  0  every function was deployed
  1  an image was not built or pushed, there is no server, or it refuses
  2  the functions or an option are wrong, or docker is missing"""

_HISTORY = "query($id: ID!) {functionVersions(functionId: $id) {version}}"
_DEPLOY = """mutation($config: String!, $env: Environment!, $live: Boolean!) {
    deployFunction(input: {config: $config, env: $env, live: $live}) {functionId version validFrom createdAt}
}"""


def deploy(
    path: PathArgument,
    *,
    api_url: ApiUrl = API_URL,
    draft: Annotated[bool, typer.Option("--draft", help="Keep the versions as drafts, which no event starts.")] = False,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            show_default=False,
            help="Push images to this registry, as HOST/ACTION:1-N for version N of the function. Without it, "
            "$INNGEST_REGISTRY; without that, images are not pushed.",
        ),
    ] = None,
    platform: Platform = None,
    prod: Prod = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Check the functions under PATH, build and push the images they need, and make them live on a server.

    Each function gets its next version; events start the new one from then on, and runs under way go on. Nothing is
    deployed when a function is wrong or an image fails.
    """
    from inngest_testkit.cli.core_client import CoreClient
    from inngest_testkit.cli.docker import build_images, images_of
    from inngest_testkit.cli.run import no_functions
    from inngest_testkit.functions.loader import load_functions

    screen = Screen.of_stdout(no_color=no_color)
    env, registry = environment(prod), registry or os.environ.get("INNGEST_REGISTRY")
    with reported(screen), CoreClient(api_url) as core:
        loaded = load_functions(path)
        if not loaded:
            raise no_functions(path)
        images = images_of(loaded, env)
        if images:
            with watched(images, screen) as tell:
                build_images(images, tell, platform)
        pushed = _pushed(core, loaded, images, registry, screen)
        done: list[dict[str, Any]] = []
        try:
            for each in loaded:
                expected = pushed.get(each.function.id)
                # Not extended at once: what was done before one fails is shown.
                done.append(_deployed(core, each, env, live=not draft, expected=expected))
        finally:
            _print(done, screen, as_json=as_json)


def _pushed(
    core: CoreClient, loaded: Sequence[LoadedFunction], images: Sequence[Image], registry: str | None, screen: Screen
) -> dict[str, int]:
    """Push images under the version that their function will get; return those versions, by function."""
    from inngest_testkit.cli.docker import push_image

    expected: dict[str, int] = {}
    if registry is None:
        if images:
            screen.tell("Note", "no registry is given (--registry), so the images stay on this machine")
        return expected
    for each in loaded:
        own = [image for image in images if image.function_id == each.function.id]
        if own:
            expected[each.function.id] = len(core.ask(_HISTORY, id=each.function.id)) + 1
        for image in own:
            name = push_image(image, registry, f"1-{expected[each.function.id]}")
            screen.tell("Note", f"pushed {name}")
    return expected


def _deployed(
    core: CoreClient, loaded: LoadedFunction, env: str, *, live: bool, expected: int | None
) -> dict[str, Any]:
    from inngest_testkit.functions.encode import encode_function

    function = loaded.function
    try:
        made = core.ask(_DEPLOY, config=json.dumps(encode_function(function)), env=env, live=live)
    except CommandFailedError as error:
        raise CommandFailedError(f"function {function.id!r} was not deployed: {error}") from None
    if expected is not None and made["version"] != expected:
        raise CommandFailedError(
            f"function {function.id!r} was deployed by someone else meanwhile: this is version {made['version']}, and "
            f"its images were pushed as 1-{expected}; deploy it again"
        )
    return {"function": made["functionId"], "version": made["version"], "live": made["validFrom"] is not None}


def _print(done: Sequence[dict[str, Any]], screen: Screen, *, as_json: bool) -> None:
    if as_json:
        screen.write(json.dumps({"deployed": list(done)}, indent=2))
        return
    for each in done:
        what = "is live" if each["live"] else "is kept as a draft"
        screen.write(f"{each['function']}: version {each['version']} {what}")
