"""Read what came back of a call.

Source: recordings/sdk README, "The call request", "Errors and retries", "The end of a run", "Limits".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from pydantic_core import from_json

from inngest_testkit.errors import NotJsonError
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.sdk.limits import Limits, exceeds
from inngest_testkit.sdk.protocol import CallResponse, Header, Opcode, Operation, step_key, unhashed
from inngest_testkit.sdk.request import hashed
from inngest_testkit.values import Json, encode

__all__ = [
    "Answer",
    "Failure",
    "Operations",
    "Result",
    "error_info",
    "explained",
    "kept_error",
    "overflow",
    "read",
    "read_operation",
    "server_failure",
    "unreadable",
]

_OK, _PARTIAL = 200, 206
_TOO_LARGE = "Your function's response body exceeds the maximum size limit"
_NOT_AN_SDK = "The response did not come from an Inngest SDK"
_NO_OUTPUT = (
    "No step output was produced before the request failed — this can mean a proxy or load balancer in front of your "
    "app returned an error, or your app was unable to respond."
)


@dataclass(slots=True)
class Result:
    """The function returned `output`."""

    output: Json


@dataclass(slots=True)
class Operations:
    """The function came to steps. `no_retry`: what failed is not to be tried again; `version` of the protocol."""

    operations: Sequence[Operation]
    version: int | None
    no_retry: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The call failed. `info` is for people, `output` becomes the run's output.

    `error` and `result` are what `inngest/function.failed` tells; without `has_result` it has no result.
    """

    info: ErrorInfo
    output: Any
    error: Mapping[str, Any]
    result: Any = None
    has_result: bool = True
    retryable: bool = True
    retry_after: timedelta | datetime | None = None


Answer: TypeAlias = Result | Operations | Failure


def read(response: CallResponse, limits: Limits) -> Answer:
    """Say what an app's answer means."""
    if response.unreachable:
        return _plain_failure(response.unreachable)
    if exceeds(len(response.body), limits.answer):
        return server_failure("output_too_large", _TOO_LARGE)
    if Header.SDK not in response.headers:
        return _not_an_sdk(response)
    if response.status == _PARTIAL:
        return _operations(response, limits)
    if _OK <= response.status < 300:
        return _result(response.body)
    return _failed(response)


def server_failure(name: str, message: str, *, text: str = "", stack: str = "", retryable: bool = True) -> Failure:
    """Return a failure that the server itself makes; its events carry the error as JSON text."""
    known = name != "Error"
    inner: dict[str, str] = {"error": text or (f"{name}: {message}" if known else message), "name": name}
    inner["message"] = message
    if stack:
        inner["stack"] = stack
    wrapped = _go_json({"error": inner})
    error = {"error": name if known else inner["error"], "message": wrapped, "name": "Error"}
    info = ErrorInfo(name, message, stack)
    return Failure(info, {"error": inner}, error, result=wrapped, retryable=retryable)


def unreadable(problem: object) -> Failure:
    """Return the failure of an answer whose operations cannot be read."""
    return server_failure("Error", f"error reading generator opcode response: {problem}")


def explained(failure: Failure, text: str) -> Failure:
    """Return the failure with more for people; what the server tells stays."""
    info = failure.info
    return replace(failure, info=ErrorInfo(info.name, f"{text}: {info.message}", info.stack))


def overflow(limit: int) -> Failure:
    """Return the failure of a run with more steps than it may have; here the text alone is the output."""
    name, message = "InngestErrFunctionOverflowed", f"The function run exceeded the step limit of {limit} steps."
    wrapped = _go_json({"error": {"error": "function has too many steps", "name": name, "message": message}})
    error = {"error": wrapped, "message": wrapped, "name": "Error"}
    return Failure(ErrorInfo(name, message), wrapped, error, has_result=False, retryable=False)


def error_info(error: Mapping[str, Any]) -> ErrorInfo:
    """Return an app's error object as the kit shows errors."""
    name, message = str(error.get("name") or "Error"), str(error.get("message") or "")
    stack = str(error.get("stack") or "")
    return ErrorInfo(name, message, stack, place_of(stack))


def kept_error(error: Mapping[str, Any], *, no_retry: bool) -> Mapping[str, Any]:
    """Return what the memo of a step that failed for good keeps of its error; `no_retry`: the answer says so."""
    kept = {key: error[key] for key in ("message", "name", "stack") if error.get(key) is not None}
    return {**kept, "noRetry": True} if no_retry else kept


_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')


def place_of(stack: str) -> str:
    """Return the innermost line of a Python traceback that is not in installed packages; empty when there is none."""
    own = [frame for frame in _FRAME.findall(stack) if "site-packages" not in frame[0] and not frame[0].startswith("<")]
    if not own:
        return ""
    file, line, function = own[-1]
    name = re.split(r"[/\\]", file)[-1]
    return f"{name}:{line} in {function}"


def _plain_failure(message: str) -> Failure:
    error = {"error": message, "message": message, "name": "Error"}
    return Failure(ErrorInfo("Error", message), error, error)


def _not_an_sdk(response: CallResponse) -> Failure:
    body = response.body.decode(errors="replace")
    if _OK <= response.status < 300:
        error = {"error": _NOT_AN_SDK, "message": body or _NOT_AN_SDK, "name": "Error"}
        info = ErrorInfo("Error", f"{_NOT_AN_SDK}: {body}" if body else _NOT_AN_SDK)
        return Failure(info, body or _NOT_AN_SDK, error, result=body, has_result=bool(body))
    text = f"Your server returned HTTP {response.status} before the SDK responded."
    name, kind = "Server returned a fatal error", response.headers.get("content-type", "text/plain").split(";")[0]
    error = {"error": text, "name": name, "message": text}
    error["stack"] = f"{_NO_OUTPUT}\n\nUpstream response ({kind}):\n{body}" if body else _NO_OUTPUT
    return Failure(
        ErrorInfo(name, text, error["stack"]), error, error, result=error, retry_after=_retry_after(response)
    )


def _failed(response: CallResponse) -> Failure:
    output = _readable(_json_or_text(response.body))
    given: Mapping[str, Any] = output if isinstance(output, dict) else {"message": str(output), "name": "Error"}
    no_retry = response.headers.get(Header.NO_RETRY) == "true"
    error = {"error": "NonRetriableError" if no_retry else f"invalid status code: {response.status}"}
    error.update({key: given[key] for key in ("message", "name", "stack") if given.get(key) is not None})
    return Failure(
        error_info(given), output, error, result=output, retryable=not no_retry, retry_after=_retry_after(response)
    )


def _readable(given: Json) -> object:
    try:
        return given.value
    except ValueError:  # nested more deeply than can be read
        return given.raw.decode()


def _operations(response: CallResponse, limits: Limits) -> Operations | Failure:
    try:
        given = _decode(response.body)
    except ValueError as error:
        return unreadable(error)
    listed = given if isinstance(given, list) else [given]
    # What is smaller as a whole needs no second look.
    is_large = exceeds(len(response.body), limits.step_output)
    operations = []
    for each in listed:
        operation = read_operation(each)
        if isinstance(operation, Failure):
            return operation
        if is_large and exceeds(_size(operation.data), limits.step_output):
            text = f"error validating generator opcode {operation.id}: step output size is greater than the limit"
            size = f"{_size(operation.data)} bytes, the limit is {limits.step_output}, see Limits(step_output=...)"
            return explained(server_failure("Error", text), f"the output of step {operation.key!r} has {size}")
        if limits.name is not None and len(operation.display) > limits.name:
            shown, length = operation.display[:40], len(operation.display)
            text = f"step id {shown!r}… has {length} characters, the limit is {limits.name}"
            return server_failure("Error", text)
        operations.append(operation)
    if exceeds(len(operations), limits.steps):
        return overflow(limits.steps or 0)
    version = response.headers.get(Header.REQUEST_VERSION, "")
    no_retry = response.headers.get(Header.NO_RETRY) == "true"
    return Operations(operations, int(version) if version.isdecimal() else None, no_retry)


def _decode(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        # Slower, and it tells what is wrong as the server does; takes half of a surrogate pair, too.
        return json.loads(body, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"invalid character '{name.lstrip('-')[0]}' looking for beginning of value")


def _size(data: object) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


_OPCODES: Mapping[object, Opcode] = {op.value: op for op in Opcode}


def read_operation(given: object) -> Operation | Failure:
    """Read one operation of an answer."""
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        return unreadable(f"{given!r} is not an operation with an id")
    op = _OPCODES.get(given.get("op"))
    if op is None:
        return server_failure("Error", f"unknown opcode: {given.get('op')!r} of step {given.get('displayName')!r}")
    name = given.get("name") or ""
    if not isinstance(name, str):
        return unreadable(f"the name {name!r} is not a text")
    # An id may be empty.
    display = given["displayName"] if isinstance(given.get("displayName"), str) else given["id"]
    opts, error = given.get("opts"), given.get("error")
    return Operation(
        op=op,
        id=given["id"],
        key=_key(given, display),
        display=display,
        name=name,
        opts=opts if isinstance(opts, dict) else {},
        data=given.get("data"),
        error=error if isinstance(error, dict) else None,
    )


def _key(given: Mapping[str, Any], display: str) -> str:
    """Return the text whose hash is the operation's id; or one that has the id in it."""
    userland = given.get("userland")
    key = display
    if isinstance(userland, dict):
        written = userland.get("id")
        key = step_key(written if isinstance(written, str) else display, userland.get("index") or 0)
    return key if hashed(key) == given["id"] else unhashed(given["id"])


def _retry_after(response: CallResponse) -> timedelta | datetime | None:
    text = response.headers.get(Header.RETRY_AFTER, "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return timedelta(seconds=seconds) if math.isfinite(seconds) and abs(seconds) < 1e9 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if response.clock is None:
        return moment
    # By a clock of its own, an app's moments are spans, of whole seconds as those of its sleeps.
    return timedelta(seconds=round((moment - response.clock).total_seconds()))


def _result(body: bytes) -> Result | Failure:
    output = _json_or_text(body)
    try:
        # What the run's end tells of it must be read again.
        encode(_decode(output.raw), root="the function's result")
    except (NotJsonError, ValueError) as error:
        return server_failure("Error", f"error reading the response: {error}")
    return Result(output)


def _json_or_text(body: bytes) -> Json:
    """A function's result: JSON, or, as the server takes it, the text itself."""
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError:
        return _rewritten(body)
    return Json(body.strip())


def _rewritten(body: bytes) -> Json:
    """JSON with half of a surrogate pair, which the server replaces; or a text."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = body.decode(errors="replace")
    return Json(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _go_json(value: object) -> str:
    """Write JSON as the server does: without blanks, and with what HTML could trip over escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
