"""The sandbox's GraphQL schema is a part of GitHub's official one.  Needs npm."""

from __future__ import annotations

import re
from pathlib import Path

import official_api as official
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLUnionType, build_schema

SANDBOX = Path(official.CONTRACTS).parent / "craftkit" / "sandbox"
TRIMMED = SANDBOX / "github.graphql"


@pytest.fixture(scope="module", autouse=True)
def npm() -> None:
    """Skips where the official schema cannot be had."""
    try:
        official.graphql_text()
    except Exception as error:
        if type(error).__name__ != "NpmMissing":
            raise
        pytest.skip(str(error)[:200])


def test_every_type_field_and_argument_is_an_official_one() -> None:
    whole = official.graphql_schema().type_map
    ours = build_schema(TRIMMED.read_text(encoding="utf-8"))
    for name, kind in ours.type_map.items():
        if name.startswith("__"):
            continue
        real = whole[name]
        assert type(real) is type(kind), name
        if isinstance(kind, GraphQLEnumType):
            assert kind.values.keys() <= real.values.keys(), name
        elif isinstance(kind, GraphQLUnionType):
            assert {t.name for t in kind.types} <= {t.name for t in real.types}, name
        for key, field in getattr(kind, "fields", {}).items():
            there = real.fields[key]
            assert str(field.type) == str(there.type), f"{name}.{key}"
            if isinstance(kind, GraphQLInputObjectType):
                continue
            for argument, given in field.args.items():
                assert str(given.type) == str(there.args[argument].type), f"{name}.{key}"
            # A required argument that is not there would make the sandbox laxer than GitHub.
            needed = {arg for arg, known in there.args.items() if str(known.type).endswith("!")}
            assert needed <= field.args.keys(), f"{name}.{key}"
        if isinstance(kind, GraphQLInputObjectType):
            needed = {key for key, known in real.fields.items() if str(known.type).endswith("!")}
            assert needed <= kind.fields.keys(), name


def test_the_file_is_what_the_script_writes() -> None:
    """Written by the script, not by hand."""
    import sys

    sys.path.insert(0, str(official.CONTRACTS))
    try:
        import trim_graphql  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(official.CONTRACTS))
    assert TRIMMED.read_text(encoding="utf-8").endswith(
        trim_graphql.trim(official.graphql_text()) + "\n"
    )


def test_the_extension_is_not_in_the_official_schema_yet() -> None:
    """Once it is, the trimmed schema can have it and the extension goes away."""
    text = (SANDBOX / "extension.graphql").read_text(encoding="utf-8")
    whole = official.graphql_schema().type_map
    for name in re.findall(r"^(?:type|input) (\w+)", text, re.MULTILINE):
        assert name not in whole


def test_a_wrong_document_is_found() -> None:
    assert official.graphql_problems("{viewer{login}}") == []
    assert official.graphql_problems("{viewer{subIssues}}")
    assert official.graphql_problems('mutation{closeIssue(input:{id:"x"}){issue{id}}}')
