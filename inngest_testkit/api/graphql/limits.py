"""What a GraphQL document may ask for: how deep it goes, and how many fields it selects.

Fragments count wherever they are used. Without a bound, a few hundred bytes of fragments that use each other twice ask
for millions of fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.validation import ASTValidationRule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_DEPTH", "MOST_FIELDS", "MOST_TOKENS", "DocumentLimits"]

#: How deep fields may be nested. The introspection query of the reference implementation has 15 levels.
MOST_DEPTH = 20
#: How many fields a document may select, each use of a fragment counted.
MOST_FIELDS = 1000
#: How many tokens a document may have; beyond, it is not parsed.
MOST_TOKENS = 5000


class DocumentLimits(ASTValidationRule):
    """Refuses documents beyond `MOST_DEPTH` and `MOST_FIELDS`."""

    def enter_document(self, node: DocumentNode, *_: Any) -> None:  # noqa: ANN401 - as graphql-core calls it
        """Measure every operation."""
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        sizes = _Sizes(fragments)
        for operation in node.definitions:
            if not isinstance(operation, OperationDefinitionNode):
                continue
            depth, fields = sizes.of(operation.selection_set)
            if depth > MOST_DEPTH:
                self.report_error(
                    GraphQLError(
                        f"The query is {depth} levels deep, {MOST_DEPTH} at most; ask for less at a time", [operation]
                    )
                )
            if fields > MOST_FIELDS:
                self.report_error(
                    GraphQLError(
                        f"The query selects {fields} fields, {MOST_FIELDS} at most; ask for less at a time", [operation]
                    )
                )


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
