"""Every GraphQL document fits the schema, and no text of a person's becomes part of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.github import documents
from craftkit.github.address import Project
from craftkit.github.documents import Document, Place, Shape, Step

PLACE = Place("octo", "demo")
SHAPES = [Shape(), Shape(duplicate=False), Shape(parent=False)]
FIELDS = [
    *("closeIssue", "reopenIssue", "updateIssue", "addComment", "addLabelsToLabelable"),
    *("removeLabelsFromLabelable", "addSubIssue", "addBlockedBy", "updateProjectV2ItemFieldValue"),
]


def every_document(text: str = "text") -> list[Document]:
    found = [
        documents.preflight(PLACE, True, 1),
        documents.preflight(PLACE, False, 100),
        documents.mutations([Step(field, {"x": text}) for field in FIELDS]),
        documents.mutations([Step("addProjectV2ItemById", {"x": text}, "item { id }")]),
        documents.lookup(PLACE, [1, 2], [text, "b"]),
        documents.lookup(PLACE, [], [text]),
        documents.board(Project("octo", 3), text),
        documents.last_reopening(PLACE, 7),
    ]
    for shape in SHAPES:
        found += [
            documents.issues(PLACE, [1, 2], shape),
            documents.create_issue("R_1", text, text, "I_1", shape),
            documents.create_issue("R_1", text, text, None, shape),
        ]
        if shape.parent:
            found += [
                documents.trees(PLACE, range(1, 11), shape),
                documents.children(PLACE, 1, "cursor", shape),
            ]
    return found


def test_every_document_fits_the_schema() -> None:
    graphql = pytest.importorskip("graphql")
    from craftkit.sandbox import schema

    known = schema.load()
    for text, variables in every_document():
        document = graphql.parse(text)
        assert graphql.validate(known, document) == []
        (operation,) = [d for d in document.definitions if hasattr(d, "variable_definitions")][:1]
        declared = {v.variable.name.value for v in operation.variable_definitions}
        assert declared == set(variables)


@given(st.text(min_size=1))
def test_texts_are_variables(text: str) -> None:
    assert [d[0] for d in every_document(text)] == [d[0] for d in every_document()]


def test_the_nodes_of_the_largest_document_stay_below_the_limit_of_github() -> None:
    parents = documents.TREES_AT_ONCE
    assert parents + parents * 20 + parents * 100 + parents * 100 * 20 < 500_000
