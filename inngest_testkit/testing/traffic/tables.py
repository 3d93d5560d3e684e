"""A report as aligned text."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from inngest_testkit.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inngest_testkit.testing.traffic.gauges import Series
    from inngest_testkit.testing.traffic.report import FunctionFigures, Report
    from inngest_testkit.testing.traffic.tallies import Percentiles

__all__ = ["render"]

#: Lines of what was dropped, by rule and key.
_DROPPED_SHOWN = 10
#: Characters of a key.
_KEY_SHOWN = 40


def render(report: Report) -> str:
    """Return the report as text."""
    figures = list(report.functions.values())
    blocks = [_heading(report), _table(_RUNS, [_runs(each) for each in figures])]
    blocks.append(_table(_SPANS, [line for each in figures for line in _spans(each)]))
    blocks.append(_table(_LOAD, [line for each in figures for line in _load(each)]))
    blocks.append(_table(_LIMITS, [line for each in figures for line in _limits(each)]))
    blocks.append(_table(_DROPPED, [line for each in figures for line in _dropped(each)]))
    return "\n\n".join(block for block in blocks if block)


def _heading(report: Report) -> str:
    text = (
        f"{format_duration(report.until - report.started_at)} from {report.started_at:%Y-%m-%d %H:%M:%S}, "
        f"seed {report.seed}: {_count(report.events)} events came, {_count(report.sent)} were sent by runs"
    )
    if report.drained_at is not None:
        text += f"\ndrained in {short(report.drained_at - report.until)}"
    if report.late_after is not None:
        text += f"\nlate: what waited longer than {format_duration(report.late_after)}"
    if report.why_nothing:
        text += f"\nnothing was started: {report.why_nothing}"
    else:
        text += "".join(f"\n{line}" for line in report.unmatched)
    return text


_ENDS = ("completed", "failed", "cancelled", "open")
_RUNS = ("function", "events", "dropped", "runs", "begun", *_ENDS, "late", "throughput")


def _runs(each: FunctionFigures) -> list[str]:
    counts = (each.events, each.dropped_count, each.runs, each.begun, each.completed, each.failed, each.cancelled)
    late = "" if each.late is None else _count(each.late)
    return [each.function_id, *map(_count, (*counts, each.open)), late, str(each.throughput)]


_SPANS = ("function", "time", "mean", "p50", "p95", "p99", "max")


def _spans(each: FunctionFigures) -> Iterator[list[str]]:
    named: tuple[tuple[str, Percentiles], ...] = (("waiting", each.waiting), ("total", each.total))
    for name, spans in named:
        if spans.count:
            shown = (spans.mean, spans.p50, spans.p95, spans.p99, spans.max)
            yield [each.function_id, name, *map(short, shown)]


_LOAD = ("function", "load", "mean", "max", "at end")


def _load(each: FunctionFigures) -> Iterator[list[str]]:
    named: tuple[tuple[str, Series], ...] = (
        ("backlog", each.backlog),
        ("held", each.held),
        ("executing", each.executing),
    )
    for name, series in named:
        if series.max:
            yield [each.function_id, name, f"{series.mean:,.2f}", _count(series.max), _count(series.at_end)]


_LIMITS = ("function", "limit", "used", "full", "keys", "busiest", "busiest key")


def _limits(each: FunctionFigures) -> Iterator[list[str]]:
    for use in each.limits:
        keyed = [_count(use.keys), f"{use.busiest:.1%}", use.busiest_key[:_KEY_SHOWN]] if use.key else ["", "", ""]
        full = "" if use.full is None else f"{use.full:.1%}"
        yield [each.function_id, use.text, f"{use.mean:.1%}", full, *keyed]


_DROPPED = ("function", "dropped by", "events", "key")


def _dropped(each: FunctionFigures) -> Iterator[list[str]]:
    for found in each.dropped[:_DROPPED_SHOWN]:
        yield [each.function_id, found.rule, _count(found.count), found.key[:_KEY_SHOWN]]
    rest = each.dropped[_DROPPED_SHOWN:]
    if rest:
        yield [each.function_id, "…", _count(sum(found.count for found in rest)), f"{_count(len(rest))} further keys"]


#: Columns of text; the others are numbers, and stand on the right.
_LEFT = {"function", "time", "load", "limit", "busiest key", "dropped by", "key"}


def _table(names: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return lines below their names, without columns that are empty; nothing when there is no line."""
    if not lines:
        return ""
    columns = [[name, *cells] for name, cells in zip(names, zip(*lines, strict=True), strict=True) if any(cells)]
    padded = []
    for cells in columns:
        width = max(map(len, cells))
        padded.append([cell.ljust(width) if cells[0] in _LEFT else cell.rjust(width) for cell in cells])
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*padded, strict=True))


def _count(number: int) -> str:
    return f"{number:,}"


_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def short(span: timedelta) -> str:
    """Write a span for people, in two units at most: `2d4h`, `3m20s`, `12.3s`, `350ms`."""
    if span < timedelta(seconds=1):
        return format_duration(timedelta(milliseconds=round(span / timedelta(milliseconds=1), 1)))
    seconds = span.total_seconds()
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s".replace(".0s", "s")
    for (unit, size), (below, part) in pairwise(_UNITS):
        count, rest = divmod(round(seconds / part) * part, size)
        if count:
            return f"{count}{unit}" + (f"{rest // part}{below}" if rest else "")
    raise AssertionError(seconds)
