"""What every endpoint of `/testkit` does: what the body has to be, and how errors are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, TypeAdapter, ValidationError
from starlette.routing import Route

from inngest_testkit.api.face import BodyError, json_reply
from inngest_testkit.errors import (
    NotFoundError,
    RunawayError,
    RunIncompleteError,
    TestkitError,
    UsageError,
    suggestion,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face

__all__ = [
    "Answer",
    "Asked",
    "Endpoint",
    "Nothing",
    "Operation",
    "Problem",
    "RefusedError",
    "body_of",
    "endpoint",
    "one_of",
    "query_of",
]

M = TypeVar("M", bound=BaseModel)


class Asked(BaseModel):
    """The body of a request: its fields and no others, of their types and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Asked):
    """A body without fields, which may be left out."""


class Answer(BaseModel):
    """What a request is answered with."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """Why a request is refused: what is wrong, where, and what to do."""

    error: str
    status: int


class RefusedError(TestkitError):
    """A request that is refused; `status` is what it is answered with."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


Handler: TypeAlias = Callable[["Face", "Request"], Awaitable[BaseModel]]

#: What each kind of error is answered with, the first that fits.
_STATUS: tuple[tuple[type[TestkitError], int], ...] = (
    (NotFoundError, 404),
    (UsageError, 409),
    (RunawayError, 409),
    (RunIncompleteError, 409),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What an endpoint takes and gives: `asks` for a body, if it has one, and the parameters of its `query`."""

    summary: str
    answers: type[BaseModel]
    asks: type[BaseModel] | None
    query: tuple[str, ...]
    status: int


class Endpoint(Route):
    """A route that can be described."""

    operation: Operation


def endpoint(
    face: Face,
    path: str,
    method: str,
    handle: Handler,
    *,
    answers: type[BaseModel],
    asks: type[BaseModel] | None = None,
    query: tuple[str, ...] = (),
    status: int = 200,
) -> Endpoint:
    """Return the route of one endpoint, whose answer is what `handle` returns, or why it raised.

    The rest is what `Operation` says; `handle` reads body and query with `body_of` and `query_of`.
    """

    async def answer(request: Request) -> Response:
        try:
            request.state.query = _checked_query(request, query)
            return json_reply((await handle(face, request)).model_dump(mode="json"), status)
        except (RefusedError, BodyError) as refused:
            return _refused(refused.status, str(refused))
        except TestkitError as error:
            return _refused(next((code for kind, code in _STATUS if isinstance(error, kind)), 400), str(error))

    route = Endpoint(path, answer, methods=[method])
    # HEAD is not another operation.
    route.methods = {method}
    route.operation = Operation((handle.__doc__ or "").strip(), answers, asks, query, status)
    return route


def _refused(status: int, reason: str) -> Response:
    return json_reply(Problem(error=reason, status=status).model_dump(), status)


async def body_of(face: Face, request: Request, model: type[M]) -> M:
    """Read a request's body as a model; raises `RefusedError` that names each field that is wrong, and the remedy."""
    body = await face.body(request)
    try:
        # Without a body all fields have their defaults.
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise RefusedError(400, _problems(error, model)) from None
    except RecursionError:
        raise RefusedError(400, "the body is nested too deeply") from None


def query_of(request: Request) -> dict[str, str]:
    """Return a request's query, in which each parameter is known and comes once."""
    query: dict[str, str] = request.state.query
    return query


def _checked_query(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise RefusedError(400, f"there is no parameter {name!r}" + suggestion(name, known))
        if name in given:
            raise RefusedError(400, f"the parameter {name!r} is given twice")
        given[name] = value
    return given


def one_of(asked: BaseModel, *names: str) -> str:
    """Return which one of some fields is given; raises `RefusedError` for none or several."""
    given = [name for name in names if name in asked.model_fields_set and getattr(asked, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise RefusedError(400, f"give one of {', '.join(names)}; found {found}")
    return given[0]


def _problems(error: ValidationError, model: type[BaseModel]) -> str:
    found = error.errors(include_url=False, include_context=False)
    # A field that may be of several types has a problem with each.
    places: dict[str, list[Any]] = {}
    for each in found[:_MOST]:
        places.setdefault(_place(each["loc"], model), []).append(each)
    return "; ".join(_problem(place, each, model) for place, each in places.items())


def _place(parts: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Write where a problem is; of a choice, pydantic names the branch, which whoever asks did not write."""
    if issubclass(model, RootModel):
        parts = parts[1:]
    elif len(parts) > 1 and parts[-1] in _SCALARS:
        parts = parts[:-1]
    return ".".join(str(part) for part in parts)


_MOST, _SCALARS = 10, ("str", "float", "int", "bool")


def _problem(place: str, problems: Sequence[Any], model: type[BaseModel]) -> str:
    found = problems[0]
    match found["type"]:
        case "json_invalid":
            return f"the body is not JSON: {found['msg'].removeprefix('Invalid JSON: ')}"
        case "extra_forbidden":
            known = [] if "." in place or issubclass(model, RootModel) else list(model.model_fields)
            return f"there is no field {place!r}" + suggestion(place, known)
        case "missing":
            return f"the field {place!r} is missing"
        case "model_type" if not place and not issubclass(model, RootModel):
            return f"the body is a JSON object with {', '.join(model.model_fields)}, found {_shown(found['input'])}"
    expected = " or ".join(each["msg"].removeprefix("Input should be ") for each in problems)
    return f"{place or 'the body'}: expected {expected}, found {_shown(found['input'])}"


_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def _shown(value: object) -> str:
    text = _ANY.dump_json(value).decode(errors="replace")
    return text if len(text) <= 80 else text[:77] + "..."
