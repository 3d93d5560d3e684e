"""Drawing a graph with box characters: one row per node, one column per line on its way to a node.

A line that passes another one keeps to itself (`│` in a row of `─`); an arrow head shows where one joins another
on its way to the same node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Row", "draw"]

# Keyed by whether a line goes up, down, left and right from the character.
_CORNERS = {
    (True, True, False, False): "│",
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, True, True, True): "┼",
    (True, False, False, True): "╰",
    (True, False, True, False): "╯",
    (True, False, True, True): "┴",
    (False, True, False, True): "╭",
    (False, True, True, False): "╮",
    (False, True, True, True): "┬",
}
_NEW, _JOINED = "new", "joined"


@dataclass(slots=True)
class Row:
    """One node: its name, its parents (in rows above), and lines of text that stand beside it."""

    name: str
    parents: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


def draw(rows: list[Row]) -> str:
    """Draw nodes in the order given, in which parents come before their children."""
    canvas = _Canvas(rows)
    for row in rows:
        canvas.node(row)
    return canvas.text()


class _Canvas:
    def __init__(self, rows: list[Row]) -> None:
        self.children: dict[str, list[str]] = {row.name: [] for row in rows}
        for row in rows:
            for parent in row.parents:
                self.children.get(parent, []).append(row.name)
        self.lanes: list[str | None] = []
        self.lines: list[tuple[str, str]] = []

    def node(self, row: Row) -> None:
        column = self._column_of(row.name)
        children = self.children[row.name]
        self.lines.append((self._lanes_with(column, "●"), row.name + _beside(row.notes)))
        self.lanes[column] = None
        for note in row.notes if len(row.notes) > 1 else []:
            self.lines.append((self._lanes_with(column, "│" if children else " "), f"  {note}"))
        if children:
            self._fork(column, children)

    def _column_of(self, name: str) -> int:
        """Give the column in which a node's line arrives, or a free one for a node without parents."""
        return self.lanes.index(name) if name in self.lanes else self._free_column()

    def _free_column(self, after: int = -1) -> int:
        for column in range(after + 1, len(self.lanes)):
            if self.lanes[column] is None:
                return column
        self.lanes.append(None)
        return len(self.lanes) - 1

    def _lanes_with(self, column: int, mark: str) -> str:
        marks = [" " if lane is None else "│" for lane in self.lanes]
        marks[column] = mark
        return " ".join(marks).rstrip()

    def _fork(self, start: int, children: list[str]) -> None:
        """Draw the lines that leave a node: new ones in one row, then one row for each that joins another."""
        joined = [self.lanes.index(child) for child in children if child in self.lanes]
        started = [self._open(start, child) for child in children if child not in self.lanes]
        if started:
            targets = dict.fromkeys(started, _NEW)
            self._line(start, targets, down=start in targets or bool(joined))
        for left, target in enumerate(joined, start=1 - len(joined)):
            self._line(start, {target: _JOINED}, down=start in started or left < 0)

    def _open(self, start: int, child: str) -> int:
        column = start if self.lanes[start] is None else self._free_column(start)
        self.lanes[column] = child
        return column

    def _line(self, start: int, targets: dict[int, str], *, down: bool) -> None:
        """Draw one row of lines from a column to others."""
        low, high = min(start, *targets), max(start, *targets)
        drawn = ""
        for column, lane in enumerate(self.lanes):
            left, right = low < column <= high, low <= column < high
            if column == start:
                drawn += _CORNERS[True, down, left, right]
            elif column in targets:
                drawn += _CORNERS[targets[column] == _JOINED, True, left, right]
            elif lane is not None:
                drawn += "│"
            else:
                drawn += "─" if left and right else " "
            drawn += _between(column, start, targets) if right else " "
        self.lines.append((drawn.rstrip(), ""))

    def text(self) -> str:
        width = max((len(line) for line, _ in self.lines), default=0)
        return "".join(f"{line.ljust(width)}  {text}".rstrip() + "\n" for line, text in self.lines)


def _between(column: int, start: int, targets: dict[int, str]) -> str:
    if column < start and targets.get(column) == _JOINED:
        return "◂"
    return "▸" if column >= start and targets.get(column + 1) == _JOINED else "─"


def _beside(notes: list[str]) -> str:
    return f"   {notes[0]}" if len(notes) == 1 else ""
