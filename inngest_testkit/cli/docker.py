"""Images of container steps: which there are, and the `docker` commands that build and push them.

Source: recordings/dag README, "Container steps", and the command lines in its recordings (`docker_cli`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inngest_testkit.cli.output import CommandFailedError
from inngest_testkit.errors import InvalidFunctionsError, SetupError
from inngest_testkit.functions.dsn import dsn
from inngest_testkit.functions.model import DockerRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inngest_testkit.functions.loader import LoadedFunction

__all__ = ["Image", "build_images", "images_of", "push_image"]

_FILE = "file://"
#: A line of a build that tells how far it is: `#7 [builder 2/5] RUN ...`, `Step 2/5 : RUN ...`.
_STAGE = re.compile(r"\[(?:[^\]]*\s)?(\d+)/(\d+)\]|^Step (\d+)/(\d+) ")
#: Lines of a failed build that are shown.
_SHOWN = 20
_INSTALL = "install Docker (https://docs.docker.com/get-docker), or mock its steps in tests"


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a step: its tag is the DSN of the step's action, and it is built from a folder."""

    function_id: str
    step_id: str
    tag: str
    folder: Path


def images_of(loaded: Sequence[LoadedFunction], env: str) -> list[Image]:
    """Return the images that the container steps of functions need, in their order.

    Raises `InvalidFunctionsError` with every path that is no folder.
    """
    images, problems = [], []
    for each in loaded:
        for step in each.function.steps:
            if not isinstance(step.runtime, DockerRuntime):
                continue
            where = f"{each.document.file}: function {each.function.id!r}, step {step.id!r}, path"
            if step.path and not step.path.startswith(_FILE):
                problems.append(
                    f"{where}: the provided path could not be parsed: {step.path!r}; write file:// and a folder below "
                    "the function's, such as file://steps/a"
                )
                continue
            folder = each.file.parent.absolute() / step.path.removeprefix(_FILE)
            if not folder.is_dir():
                problems.append(f"{where}: there is no folder {str(folder)!r} to build the image from")
                continue
            images.append(Image(each.function.id, step.id, dsn(each.function.id, step.id, env), folder.resolve()))
    if problems:
        raise InvalidFunctionsError(problems)
    return images


def build_images(images: Sequence[Image], tell: Callable[[Image, float, bool], None], platform: str | None) -> None:
    """Build images, all at once.

    `tell` gets an image, how much of it is built (0 to 1), and whether it is done; it is called from several threads.
    Raises `SetupError` without docker, `CommandFailedError` with the end of what each failed build printed.
    """
    docker = _docker()
    listed = _run([docker, "buildx", "ls"])
    if listed.returncode != 0:
        raise CommandFailedError(f"docker buildx is not there: {listed.stdout.strip()}")
    if platform is not None and platform not in listed.stdout:
        raise CommandFailedError(
            f"docker buildx does not build for {platform}; to let it, run: docker run --privileged --rm "
            f"tonistiigi/binfmt --install {platform.rpartition('/')[2]}"
        )
    for_platform = [] if platform is None else ["--platform", platform]
    lock, failed = threading.Lock(), list[str]()

    def build(image: Image) -> None:
        command = [docker, "buildx", "build", "--load", *for_platform, "-t", image.tag, str(image.folder)]
        problem = _build(command, lambda part: tell(image, part, False))  # noqa: FBT003 - a callback's own
        with lock:
            if problem:
                failed.append(f"the image {image.tag} was not built: {problem}")
            else:
                tell(image, 1.0, True)  # noqa: FBT003

    with ThreadPoolExecutor(max(1, len(images))) as pool:
        list(pool.map(build, images))
    if failed:
        raise CommandFailedError("\n".join(sorted(failed)))


def _build(command: Sequence[str], tell: Callable[[float], None]) -> str:
    """Run a build; return what is wrong, empty when nothing is."""
    last: deque[str] = deque(maxlen=_SHOWN)
    with subprocess.Popen(  # noqa: S603 - the user's own docker
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as building:
        assert building.stdout is not None  # noqa: S101 - it is a pipe
        for line in building.stdout:
            if line.strip():
                last.append(line.rstrip())
            found = _STAGE.search(line)
            if found:
                at, of = (int(part) for part in found.groups() if part)
                # What follows the last stage takes time as well.
                tell(min(0.95, at / max(of, 1)))
    if building.returncode == 0:
        return ""
    said = "\n".join(f"  {line}" for line in last)
    return f"docker ended with status {building.returncode}" + (f":\n{said}" if said else "")


def push_image(image: Image, registry: str, version: str) -> str:
    """Push an image as `REGISTRY/DSN:VERSION`, and return that name; raises `CommandFailedError`."""
    docker, name = _docker(), f"{registry.removesuffix('/')}/{image.tag}:{version}"
    for command in ([docker, "tag", image.tag, name], [docker, "push", name]):
        done = _run(command)
        if done.returncode != 0:
            said = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-_SHOWN:])
            raise CommandFailedError(
                f"the image {name} was not pushed: docker {command[1]} ended with status {done.returncode}:\n{said}"
            )
    return name


def _docker() -> str:
    found = shutil.which("docker")
    if found is None:
        raise SetupError(f"docker was not found, and steps that run in containers need it: {_INSTALL}")
    return found


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the user's own docker
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
