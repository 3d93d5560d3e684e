"""What a GraphQL document may ask for: how deep it goes, and how many fields it selects.

Fragments count wherever they are used. Without a bound, a few hundred bytes of fragments that use each other twice ask
for millions of fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_DEPTH", "MOST_FIELDS", "MOST_TOKENS", "check_size"]

#: How deep fields may be nested. The introspection query of the reference implementation has 15 levels.
MOST_DEPTH = 20
#: How many fields a document may select, each use of a fragment counted.
MOST_FIELDS = 500
#: How many tokens a document may have; beyond, it is not parsed.
MOST_TOKENS = 5000


def check_size(document: DocumentNode) -> None:
    """Raise `GraphQLError` for a document beyond `MOST_DEPTH` or `MOST_FIELDS`.

    It may be asked of any document that was parsed: unknown fragments, and those that use themselves, count as nothing
    where they are used, and are left to validation.
    """
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    sizes = _Sizes(fragments)
    asked = written = 0
    for each in document.definitions:
        if not isinstance(each, OperationDefinitionNode | FragmentDefinitionNode):
            continue
        depth, fields = sizes.of(each.selection_set)
        if depth > MOST_DEPTH:
            raise GraphQLError(
                f"The query is {depth} levels deep, {MOST_DEPTH} at most; ask for less at a time", [each]
            )
        asked += fields if isinstance(each, OperationDefinitionNode) else 0
        written += _Sizes({}).of(each.selection_set)[1]
    # Validation goes through all that is written, also through fragments that nothing uses.
    fields = max(asked, written)
    if fields > MOST_FIELDS:
        raise GraphQLError(f"The query selects {fields} fields, {MOST_FIELDS} at most; ask for less at a time")


class _Sizes:
    """Depth and number of fields of selections; each fragment is measured once."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, selections: SelectionSetNode | None) -> tuple[int, int]:
        depth = fields = 0
        for selection in () if selections is None else selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                below, count = self._of_fragment(selection.name.value)
            else:
                below, count = self.of(getattr(selection, "selection_set", None))
                if isinstance(selection, FieldNode):
                    below, count = below + 1, count + 1
            depth, fields = max(depth, below), fields + count
        return depth, fields

    def _of_fragment(self, name: str) -> tuple[int, int]:
        fragment = self._fragments.get(name)
        if fragment is None:
            return 0, 0
        if name not in self._known:
            self._known[name] = 0, 0  # one that uses itself is refused by another rule
            self._known[name] = self.of(fragment.selection_set)
        return self._known[name]
