"""POST /graphql: reads a document, carries it out, and says errors as GitHub says them.

Refused documents answer 200 with `errors` and no `data`; a field that fails answers null in `data`
and has its `path` in `errors`, while the other fields of the same document count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, execute_sync

from craftkit.sandbox import fields, schema
from craftkit.sandbox.access import Refused
from craftkit.sandbox.context import Context
from craftkit.sandbox.mutations import MUTATIONS

Json = dict[str, Any]

# What graphql-core says, in the words of both versions that may be installed.
_FIELD = re.compile(r"Cannot query field '(?P<field>\w+)' on type '(?P<name>\w+)'")
_ARGUMENT = re.compile(r"Unknown argument '(?P<field>\w+)' on field '\w+\.(?P<name>\w+)'")
_INPUT = (
    re.compile(r"type '(?P<name>\w+)!?' not to include unknown field '(?P<field>\w+)'"),
    re.compile(r"Field '(?P<field>\w+)' is not defined by type '(?P<name>\w+)'"),
)


@lru_cache(maxsize=4)
def ready(sub_issues: bool, dependencies: bool) -> GraphQLSchema:
    """The schema of a server with these abilities, every field with its resolver."""
    built = schema.load(sub_issues, dependencies)
    fields.install(built, MUTATIONS)
    return built


def run(
    built: GraphQLSchema,
    context: Context,
    text: str,
    variables: Json,
    name: str | None,
) -> Json:
    """The answer; `context.world` is then the world after the document's mutations."""
    document, problems = schema.read(built, text)
    if document is None or problems:
        return {"errors": [_refusal(error) for error in problems]}
    operation = schema.operation(text, name)
    if operation is None:
        return {"errors": [{"message": "An operation name is required"}]}
    try:
        context.cost = schema.cost(document, operation, variables)
    except GraphQLError as error:
        return {"errors": [_failure(error)]}
    context.meter.charge(context.caller.login, "graphql", context.cost.points, context.clock)
    done = execute_sync(
        built, document, context_value=context, variable_values=variables, operation_name=name
    )
    answer: Json = {}
    if done.data is not None or not done.errors or any(error.path for error in done.errors):
        answer["data"] = done.data
    if done.errors:
        answer["errors"] = [_failure(error) for error in done.errors]
    return answer


def limited(refused: Refused) -> Json:
    """What a used-up primary limit answers."""
    return {"errors": [{"type": refused.kind, "message": refused.message}]}


def _places(error: GraphQLError) -> list[Json]:
    return [{"line": place.line, "column": place.column} for place in error.locations or ()]


def _refusal(error: GraphQLError) -> Json:
    """An error of a document that does not fit the schema."""
    answer: Json = {"message": error.message, "locations": _places(error)}
    if found := _FIELD.search(error.message):
        field, name = found["field"], found["name"]
        answer["message"] = f"Field '{field}' doesn't exist on type '{name}'"
        known = {"code": "undefinedField", "typeName": name, "fieldName": field}
        return {**answer, "extensions": known}
    for kind, pattern in (("Field", _ARGUMENT), *(("InputObject", each) for each in _INPUT)):
        if found := pattern.search(error.message):
            field, name = found["field"], found["name"]
            answer["message"] = f"{kind} '{name}' doesn't accept argument '{field}'"
            known = {"code": "argumentNotAccepted", "name": name, "typeName": kind}
            return {**answer, "extensions": {**known, "argumentName": field}}
    return answer


def _failure(error: GraphQLError) -> Json:
    """An error of a field while the document was carried out."""
    cause = error.original_error
    answer: Json = {"message": error.message, "locations": _places(error)}
    if error.path is not None:
        path: Sequence[str | int] = error.path
        answer["path"] = list(path)
    if isinstance(cause, Refused):
        answer = {"type": cause.kind, **answer, "message": cause.graphql}
    elif error.extensions and "type" in error.extensions:
        answer["type"] = error.extensions["type"]
    return answer
