"""Every GraphQL document fits the schema, and no text of a person's becomes part of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.github import graphql_queries
from craftkit.github.address import Project
from craftkit.github.graphql_queries import Document, MutationStep, QueryPlace, QueryShape

PLACE = QueryPlace("octo", "demo")
SHAPES = [QueryShape(), QueryShape(duplicate=False), QueryShape(parent=False)]
FIELDS = [
    *("closeIssue", "reopenIssue", "updateIssue", "addComment", "addLabelsToLabelable"),
    *("removeLabelsFromLabelable", "addSubIssue", "addBlockedBy", "updateProjectV2ItemFieldValue"),
]


def every_document(text: str = "text") -> list[Document]:
    found = [
        graphql_queries.preflight(PLACE, True, 1),
        graphql_queries.preflight(PLACE, False, 100),
        graphql_queries.mutations([MutationStep(field, {"x": text}) for field in FIELDS]),
        graphql_queries.mutations(
            [MutationStep("addProjectV2ItemById", {"x": text}, "item { id }")]
        ),
        graphql_queries.lookup(PLACE, [1, 2], [text, "b"]),
        graphql_queries.lookup(PLACE, [], [text]),
        graphql_queries.board(Project("octo", 3), text),
        graphql_queries.last_reopening(PLACE, 7),
    ]
    for shape in SHAPES:
        found += [
            graphql_queries.issues(PLACE, [1, 2], shape),
            graphql_queries.create_issue("R_1", text, text, "I_1", shape),
            graphql_queries.create_issue("R_1", text, text, None, shape),
        ]
        if shape.parent:
            found += [
                graphql_queries.trees(PLACE, range(1, 11), shape),
                graphql_queries.children(PLACE, 1, "cursor", shape),
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
    parents = graphql_queries.TREES_AT_ONCE
    assert parents + parents * 20 + parents * 100 + parents * 100 * 20 < 500_000
