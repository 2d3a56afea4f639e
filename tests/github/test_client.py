"""What is asked for in how many requests, and what becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from replies import (
    API,
    BIG,
    GRAPHQL,
    REPO,
    REST_ONLY,
    Clock,
    answer_graphql,
    known,
    make_client,
    node,
    page,
    preflight,
    problem,
    repository,
    rest,
    rest_repository,
    sent,
    tree,
)

from craftkit.github.client import Client
from craftkit.github.gateway import (
    Capabilities,
    Gateway,
    Gone,
    Invalid,
    Issue,
    IssueGone,
    IssueText,
    NoAnswer,
    Tree,
    UnknownOutcome,
)

PARENT = Issue(7, 70, "I_7", "P", "open", None, (), "", "2026-01-01T00:00:00Z", True, None, "")
CHILD = PARENT._replace(number=9, id=BIG + 9, node_id="I_9")
ISSUES = f"{REPO}/issues"
EVIL = 'x") { viewer { login } } # \u202e'


def test_the_client_is_a_gateway() -> None:
    gateway: Gateway = make_client()
    assert gateway.requests == 0


# Preflight and capabilities


ISSUE_FIELDS = ["fullDatabaseId", "stateReason", "subIssues", "parent"]
MUTATIONS = ["closeIssue", "addSubIssue", "addBlockedBy"]


def schema(
    fields: list[str] = ISSUE_FIELDS,
    mutations: list[str] = MUTATIONS,
    inputs: tuple[str, ...] = ("parentIssueId",),
    args: tuple[str, ...] = ("enableDuplicate",),
) -> dict[str, Any]:
    arguments = [{"name": name} for name in args]
    return {
        "issueType": {"fields": [{"name": name, "args": arguments} for name in fields]},
        "mutationType": {"fields": [{"name": name} for name in mutations]},
        "createType": {"inputFields": [{"name": name} for name in inputs]},
    }


@responses.activate
def test_one_request_brings_the_repository_and_what_the_server_can_do() -> None:
    answer = preflight(nameWithOwner="octo/Demo")
    answer["data"] |= schema()
    responses.add("POST", GRAPHQL, json=answer)
    remembered: dict[str, str] = {}
    client = make_client(capabilities=None, remembered=remembered)
    found = client.repository()
    assert found[:8] == ("octo/Demo", "R_1", "me", "WRITE", True, False, True, 43)
    assert [issue.number for issue in found.newest] == [41] and not found.more
    assert client.capabilities() == Capabilities(True, True, True)
    assert client.requests == 1
    assert "__type" in sent()["query"]
    assert all(key.startswith("https://api.github.com octo/demo ") for key in remembered)
    client.repository(newest=100)
    assert "__type" not in sent()["query"] and client.requests == 2
    assert sent()["variables"]["newest"] == 100


@responses.activate
def test_a_repository_says_whether_there_are_more_issues() -> None:
    nodes = [{"number": 41, "createdAt": "2026-01-02T03:04:05Z", "body": None}]
    issues = page(nodes, after="x")
    responses.add("POST", GRAPHQL, json=preflight(issues=issues))
    assert make_client().repository(newest=1).more
    assert "pageInfo { hasNextPage }" in sent()["query"]


@responses.activate
@pytest.mark.parametrize("pulls", [0, 1, 99, 100])
@pytest.mark.parametrize("items", [99, 100])
def test_pull_requests_take_up_room_among_the_newest(items: int, pulls: int) -> None:
    found = [rest(200 - n, **({"pull_request": {}} if n < pulls else {})) for n in range(items)]
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=found)
    seen = make_client(capabilities=REST_ONLY).repository(newest=100)
    assert len(seen.newest) == max(0, items - pulls) and seen.more == (items == 100)


@responses.activate
def test_an_empty_repository_has_no_highest_number() -> None:
    empty: dict[str, Any] = {"nodes": []}
    responses.add("POST", GRAPHQL, json=preflight(issues=empty, pullRequests=empty))
    assert make_client().repository().highest == 0


@responses.activate
def test_a_viewer_that_may_not_be_named_does_no_harm() -> None:
    answer = preflight()
    answer["data"]["viewer"] = None
    responses.add("POST", GRAPHQL, json=answer | {"errors": [problem("FORBIDDEN", "viewer")]})
    assert make_client().repository().login == ""


@responses.activate
def test_a_server_without_graphql_is_served_by_rest() -> None:
    responses.add("POST", GRAPHQL, status=404, body="no such page")
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=[rest(50, pull_request={}), rest(49)])
    responses.add("GET", f"{ISSUES}/49/sub_issues", status=404, json={"message": "Not Found"})
    responses.add("GET", f"{ISSUES}/49/dependencies/blocked_by", json=[])
    client = make_client(capabilities=None, remembered={})
    found = client.repository()
    assert (found.highest, found.permission, found.archived, found.login) == (
        50,
        "MAINTAIN",
        True,
        "me",
    )
    assert client.capabilities() == Capabilities(False, False, True)


@responses.activate
def test_an_app_has_no_user_and_a_new_server_no_issue_to_try() -> None:
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", status=403, json={"message": "not for Apps"})
    responses.add("GET", ISSUES, json=[])
    client = make_client(capabilities=Capabilities(False, True, True), remembered={})
    assert client.repository()[2] == "" and client.repository().highest == 0


@responses.activate
def test_an_older_graphql_is_asked_for_what_it_knows() -> None:
    answer = preflight()
    answer["data"] |= schema(mutations=["closeIssue", "addSubIssue"], inputs=(), args=())
    responses.add("POST", GRAPHQL, json=answer)
    responses.add("POST", ISSUES, json=rest(9))
    responses.add("POST", GRAPHQL, json={"data": {"c0": {"clientMutationId": None}}})
    responses.add("POST", GRAPHQL, json=repository(i0=tree(7, 0)))
    responses.add("GET", f"{ISSUES}/41/dependencies/blocked_by", status=404, json={"message": "No"})
    client = make_client(capabilities=None, remembered={})
    client.repository()
    assert client.create_child(PARENT, "t", "b").parent == 7
    assert "addSubIssue" in sent()["query"]
    client.trees([7])
    assert "enableDuplicate" not in sent()["query"]
    assert client.capabilities() == Capabilities(True, True, False) == client.known_capabilities


@responses.activate
def test_a_graphql_that_is_too_old_is_none() -> None:
    answer = preflight()
    answer["data"] |= schema(fields=["databaseId"])
    responses.add("POST", GRAPHQL, json=answer)
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=[])
    client = make_client(capabilities=None, remembered={})
    assert client.capabilities() == Capabilities(False, True, True)  # until there is an issue
    assert client.known_capabilities is None


# Trees


@responses.activate
@pytest.mark.parametrize("parents", [1, 10])
def test_a_hundred_children_and_ten_parents_take_one_request(parents: int) -> None:
    answer_graphql(
        lambda body: repository(
            **{
                f"i{k}": tree(body["variables"][f"n{k}"], 100)
                for k in range(len(body["variables"]) - 2)
            }
        )
    )
    client = make_client()
    found = client.trees(range(1, parents + 1))
    assert client.requests == 1 and list(found) == list(range(1, parents + 1))
    for number, one in found.items():
        assert isinstance(one, Tree) and one.complete and len(one.children) == 100
        assert {child.parent for child in one.children} == {number}
        assert one.children[0].id > 2**31


@responses.activate
def test_a_hundred_parents_take_ten_requests() -> None:
    answer_graphql(
        lambda body: repository(**{f"i{k}": tree(body["variables"][f"n{k}"], 0) for k in range(10)})
    )
    client = make_client()
    assert len(client.trees([*range(1, 101), 5])) == 100 and client.requests == 10


@responses.activate
def test_what_is_too_much_at_once_is_asked_for_one_by_one() -> None:
    for _ in range(3):
        responses.add("POST", GRAPHQL, status=502)
    responses.add("POST", GRAPHQL, json=repository(i0=tree(1, 1)))
    responses.add("POST", GRAPHQL, json=repository(i0=tree(2, 1)))
    client = make_client()
    assert list(client.trees([1, 2])) == [1, 2] and client.requests == 5


@responses.activate
def test_further_pages_are_fetched() -> None:
    first = node(7, subIssues=page([node(1), node(2)], after="abc", total=3))
    responses.add("POST", GRAPHQL, json=repository(i0=first))
    rest_of_it = {"subIssues": page([node(3)], total=3)}
    responses.add("POST", GRAPHQL, json=repository(issue=rest_of_it))
    found = make_client().trees([7])[7]
    assert isinstance(found, Tree) and found.complete
    assert [child.number for child in found.children] == [1, 2, 3]
    assert sent()["variables"]["after"] == "abc"


@responses.activate
@pytest.mark.parametrize(
    ("children", "errors"),
    [
        (page([node(1), None]), []),
        (page([node(1)], total=2), []),
        (None, []),
        (
            page([node(1), None]),
            [problem("FORBIDDEN", "repository", "i0", "subIssues", "nodes", 1)],
        ),
        (None, [problem("SERVICE_UNAVAILABLE", "repository", "i0", "subIssues")]),
    ],
)
def test_i6_a_tree_with_something_missing_is_not_complete(children: Any, errors: list[Any]) -> None:
    answer = repository(i0=node(7, subIssues=children))
    responses.add("POST", GRAPHQL, json=answer | ({"errors": errors} if errors else {}))
    found = make_client().trees([7])[7]
    assert isinstance(found, Tree) and not found.complete


@responses.activate
def test_i6_a_missing_page_makes_a_tree_incomplete() -> None:
    first = node(7, subIssues=page([node(1)], after="abc", total=2))
    responses.add("POST", GRAPHQL, json=repository(i0=first))
    broken = repository(issue=None) | {"errors": [problem("SERVICE_UNAVAILABLE", "repository")]}
    responses.add("POST", GRAPHQL, json=broken)
    found = make_client().trees([7])[7]
    assert isinstance(found, Tree) and not found.complete and len(found.children) == 1


@responses.activate
def test_i17_a_list_of_children_that_never_ends_is_left() -> None:
    endless = page([node(1)], after="again", total=1000)
    answer_graphql(
        lambda body: repository(i0=node(7, subIssues=endless), issue={"subIssues": endless})
    )
    client = make_client()
    found = client.trees([7])[7]
    assert isinstance(found, Tree) and not found.complete and client.requests == 11


@responses.activate
def test_children_in_other_repositories_are_left_out() -> None:
    other = node(2, repository={"nameWithOwner": "octo/other"})
    responses.add("POST", GRAPHQL, json=repository(i0=node(7, subIssues=page([node(1), other]))))
    found = make_client().trees([7])[7]
    assert isinstance(found, Tree) and found.complete
    assert [child.number for child in found.children] == [1]


@responses.activate
@pytest.mark.parametrize(
    "found", [node(8), node(7, repository={"nameWithOwner": "octo/other"})], ids=["number", "place"]
)
def test_an_issue_that_answers_from_elsewhere_has_moved(found: Any) -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=found))
    assert make_client().issues([7]) == {7: Gone(7, "moved")}


# Records


@responses.activate
def test_a_graphql_issue_becomes_a_record() -> None:
    one = node(
        7,
        state="CLOSED",
        stateReason="NOT_PLANNED",
        body="half \ud83d a pair",
        parent={"number": 3, "repository": {"nameWithOwner": "Octo/Demo"}},
        authorAssociation="NONE",
    )
    responses.add("POST", GRAPHQL, json=repository(i0=one))
    found = make_client().issues([7])[7]
    assert found == Issue(
        number=7,
        id=BIG + 7,
        node_id="I_7",
        title="Task 7",
        state="closed",
        reason="not_planned",
        labels=("one",),
        body="half ? a pair",
        updated_at="2026-01-02T03:04:05Z",
        trusted=False,
        parent=3,
        url="https://github.com/octo/demo/issues/7",
    )


@responses.activate
def test_a_parent_in_another_repository_is_none() -> None:
    other = {"number": 3, "repository": {"nameWithOwner": "octo/other"}}
    responses.add("POST", GRAPHQL, json=repository(i0=node(7, parent=other)))
    found = make_client().issues([7])[7]
    assert isinstance(found, Issue) and found.parent is None


@responses.activate
@pytest.mark.parametrize(
    ("more", "trusted"),
    [
        ({"authorAssociation": "OWNER"}, True),
        ({"authorAssociation": "CONTRIBUTOR"}, False),
        ({"authorAssociation": "NONE", "viewerDidAuthor": True}, True),
        ({"authorAssociation": "MEMBER"}, False),  # as long as nobody needs to know
    ],
)
def test_the_owner_and_we_ourselves_are_trusted(more: dict[str, Any], trusted: bool) -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=node(7, **more)))
    found = make_client().issues([7])[7]
    assert isinstance(found, Issue) and found.trusted is trusted


@responses.activate
@pytest.mark.parametrize("association", ["MEMBER", "COLLABORATOR"])
@pytest.mark.parametrize(
    ("answer", "trusted"),
    [
        ({"json": {"permission": "admin"}}, True),
        ({"json": {"permission": "write"}}, True),
        ({"json": {"permission": "read"}}, False),  # which triage is called, too
        ({"json": {"permission": "none"}}, False),
        ({"json": {"message": "Not Found"}, "status": 404}, False),
        ({"json": {"message": "Must have push access"}, "status": 403}, False),
    ],
)
def test_of_a_member_with_a_marker_it_is_asked_whether_they_may_push(
    association: str, answer: dict[str, Any], trusted: bool
) -> None:
    body = "<!-- craftkit spec=demo task=T001 -->"
    author = {"login": "mallory", "__typename": "User"}
    marked = node(7, authorAssociation=association, body=body, author=author)
    responses.add("POST", GRAPHQL, json=repository(i0=marked))
    asked = responses.add(
        "GET", f"{ISSUES.removesuffix('/issues')}/collaborators/mallory/permission", **answer
    )
    client = make_client()
    for _ in range(2):
        found = client.issues([7])[7]
        assert isinstance(found, Issue) and found.trusted is trusted
    assert asked.call_count == 1  # once a day for each person


WRONG: list[dict[str, Any]] = [
    {"number": "7"},
    {"number": True},
    {"fullDatabaseId": None},
    {"fullDatabaseId": "-1"},
    {"fullDatabaseId": 1.5},
    {"id": ""},
    {"title": 5},
    {"state": "MAYBE"},
    {"labels": [{"name": "x"}]},
    {"labels": {"nodes": [{"name": 1}]}},
    {"body": ["x"]},
    {"updatedAt": "yesterday"},
    {"repository": "octo/demo"},
]


@responses.activate
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_record_of_another_form_is_no_answer(wrong: dict[str, Any]) -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=node(7) | wrong))
    with pytest.raises(NoAnswer):
        make_client().issues([7])


# Lists


@responses.activate
def test_find_above_leaves_pull_requests_and_older_issues_out() -> None:
    items = [rest(12), rest(11, pull_request={"url": "x"}), rest(10), rest(9), rest(4)]
    responses.add("GET", ISSUES, json=items)
    client = make_client()
    found = client.find_above(9)
    assert [issue.number for issue in found] == [10, 12] and client.requests == 1
    query = responses.calls[0].request.params
    assert (query["state"], query["sort"], query["direction"]) == ("all", "created", "desc")


@responses.activate
def test_find_above_reads_pages_until_one_is_old() -> None:
    link = {"link": '<https://evil.example/next>; rel="next"'}
    for start in (30, 20, 10):
        items = [rest(number) for number in range(start, start - 10, -1)]
        responses.add("GET", ISSUES, json=items, headers=link)
    client = make_client()
    assert len(client.find_above(15)) == 15 and client.requests == 3
    pages = [call.request.params["page"] for call in responses.calls]
    assert pages == ["1", "2", "3"]


@responses.activate
def test_i17_a_list_that_never_ends_is_not_taken_for_complete() -> None:
    responses.add("GET", ISSUES, json=[rest(12)], headers={"link": '<x>; rel="next"'})
    client = make_client()
    with pytest.raises(NoAnswer):
        client.find_above(9)
    assert client.requests == 20


@responses.activate
def test_i6_a_page_that_fails_fails_the_list() -> None:
    responses.add("GET", ISSUES, json=[rest(12)], headers={"link": '<x>; rel="next"'})
    for _ in range(3):
        responses.add("GET", ISSUES, status=500)
    with pytest.raises(NoAnswer):
        make_client().find_above(9)


class Memory:
    """Remembers answers by key."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str]] = {}

    def get(self, key: str) -> tuple[str, str] | None:
        return self.kept.get(key)

    def put(self, key: str, etag: str, answer: str) -> None:
        self.kept[key] = (etag, answer)


@responses.activate
def test_an_unchanged_list_comes_from_memory() -> None:
    etags = Memory()
    responses.add("GET", ISSUES, json=[rest(12)], headers={"etag": 'W/"abc"'})
    first = make_client(etags=etags).find_above(9)
    responses.replace("GET", ISSUES, status=304)
    second = make_client(etags=etags).find_above(9)
    assert first == second != []
    assert responses.calls[1].request.headers["If-None-Match"] == 'W/"abc"'
    assert "octo" not in "".join(etags.kept)  # keys are digests


@responses.activate
@pytest.mark.parametrize("stored", ["", "more", "last\n{}", "last\n[1]", "last\n[\ud800"])
def test_what_was_remembered_and_cannot_be_read_is_fetched(stored: str) -> None:
    etags = Memory()
    responses.add("GET", ISSUES, json=[rest(12)], headers={"etag": 'W/"abc"'})
    make_client(etags=etags).find_above(9)
    (key,) = etags.kept
    etags.kept[key] = ('W/"abc"', stored)
    responses.replace("GET", ISSUES, status=304)
    responses.add("GET", ISSUES, json=[rest(12)], headers={"etag": 'W/"abc"'})
    assert [issue.number for issue in make_client(etags=etags).find_above(9)] == [12]


@responses.activate
def test_another_token_does_not_share_what_is_remembered() -> None:
    from craftkit.github.tokens import Token

    etags = Memory()
    responses.add("GET", ISSUES, json=[], headers={"etag": 'W/"abc"'})
    client = make_client(etags=etags)
    client.find_above(9)
    more: dict[str, Any] = {"remembered": known(), "etags": etags}
    other = Client(client._caller.server, ("octo", "demo"), Token("other", "x"), **more)
    other.find_above(9)
    assert "If-None-Match" not in responses.calls[1].request.headers


# Creations


@responses.activate
def test_a_parent_is_made_in_one_request_with_its_labels() -> None:
    responses.add("POST", ISSUES, json=rest(12, author_association="NONE"), status=201)
    client = make_client()
    made = client.create_parent("Title", "body", ["phase: design"])
    assert (made.number, made.id, made.trusted, client.requests) == (12, BIG + 12, True, 1)
    assert sent() == {"title": "Title", "body": "body", "labels": ["phase: design"]}


@responses.activate
def test_a_child_is_made_and_linked_in_one_request() -> None:
    above = {"number": 7, "repository": {"nameWithOwner": "octo/demo"}}
    made = node(12, parent=above, authorAssociation="NONE")
    responses.add("POST", GRAPHQL, json={"data": {"createIssue": {"issue": made}}})
    client = make_client()
    child = client.create_child(PARENT, EVIL, EVIL)
    assert (child.number, child.parent, child.trusted, client.requests) == (12, 7, True, 1)
    body = sent()
    assert EVIL not in body["query"]
    assert body["variables"]["input"] == {
        "repositoryId": "R_1",
        "title": EVIL,
        "body": EVIL,
        "parentIssueId": "I_7",
    }


@responses.activate
def test_a_child_that_was_made_but_not_linked_is_linked() -> None:
    responses.add("POST", GRAPHQL, json={"data": {"createIssue": {"issue": node(12)}}})
    responses.add("POST", GRAPHQL, json={"data": {"c0": {"clientMutationId": None}}})
    client = make_client()
    assert client.create_child(PARENT, "t", "b").parent == 7 and client.requests == 2
    assert sent()["variables"]["v0"] == {"issueId": "I_7", "subIssueId": "I_12"}


@responses.activate
def test_a_stale_id_of_the_repository_is_looked_up_anew() -> None:
    refused = {"data": {"createIssue": None}, "errors": [problem("NOT_FOUND", "createIssue")]}
    above = {"number": 7, "repository": {"nameWithOwner": "octo/demo"}}
    responses.add("POST", GRAPHQL, json=refused)
    responses.add("POST", GRAPHQL, json=preflight(id="R_2"))
    good = {"createIssue": {"issue": node(12, parent=above)}}
    responses.add("POST", GRAPHQL, json={"data": good})
    assert make_client().create_child(PARENT, "t", "b").number == 12
    assert sent()["variables"]["input"]["repositoryId"] == "R_2"


@responses.activate
def test_a_parent_that_is_gone_is_said_to_be() -> None:
    refused = {"data": {"createIssue": None}, "errors": [problem("NOT_FOUND", "createIssue")]}
    responses.add("POST", GRAPHQL, json=refused)
    responses.add("POST", GRAPHQL, json=preflight())
    with pytest.raises(IssueGone, match="#7"):
        make_client().create_child(PARENT, "t", "b")


@responses.activate
def test_without_graphql_a_child_is_made_and_then_linked_by_its_id() -> None:
    responses.add("POST", ISSUES, json=rest(12), status=201)
    responses.add("POST", f"{ISSUES}/7/sub_issues", json=rest(7), status=201)
    client = make_client(capabilities=REST_ONLY)
    assert client.create_child(PARENT, "t", "b").parent == 7 and client.requests == 2
    assert sent() == {"sub_issue_id": BIG + 12}


@responses.activate
def test_a_child_whose_link_fails_is_left_to_be_found_by_its_marker() -> None:
    responses.add("POST", ISSUES, json=rest(12), status=201)
    responses.add("POST", f"{ISSUES}/7/sub_issues", status=502)
    with pytest.raises(UnknownOutcome, match="#12"):
        make_client(capabilities=REST_ONLY).create_child(PARENT, "t", "b")
    assert len(responses.calls) == 2


@responses.activate
def test_without_sub_issues_a_child_is_an_issue() -> None:
    responses.add("POST", ISSUES, json=rest(12), status=201)
    client = make_client(capabilities=Capabilities(False, False, False))
    assert client.create_child(PARENT, "t", "b").parent is None and client.requests == 1


@responses.activate
def test_adopting_what_is_adopted_sends_nothing() -> None:
    make_client().adopt(PARENT, CHILD._replace(parent=7))
    assert len(responses.calls) == 0


@responses.activate
@pytest.mark.parametrize("graphql", [True, False])
def test_without_sub_issues_nothing_is_adopted(graphql: bool) -> None:
    make_client(capabilities=Capabilities(graphql, False, False)).adopt(PARENT, CHILD)
    assert len(responses.calls) == 0


@responses.activate
def test_adopting_what_turns_out_to_be_adopted_is_well() -> None:
    refused = {
        "data": {"c0": None},
        "errors": [problem("UNPROCESSABLE", "c0", message="duplicate")],
    }
    above = {"number": 7, "repository": {"nameWithOwner": "octo/demo"}}
    responses.add("POST", GRAPHQL, json=refused)
    responses.add("POST", GRAPHQL, json=repository(i0=node(9, parent=above)))
    make_client().adopt(PARENT, CHILD)


@responses.activate
def test_a_link_that_another_one_overtook_is_tried_again_a_few_times() -> None:
    overtaken = {"message": "Validation Failed", "errors": ["Priority has already been taken"]}
    responses.add("POST", f"{ISSUES}/7/sub_issues", status=422, json=overtaken)
    responses.add("GET", f"{ISSUES}/9", json=rest(9))
    clock = Clock()
    with pytest.raises(Invalid):
        make_client(clock, capabilities=REST_ONLY).adopt(PARENT, CHILD)
    posts = [call for call in responses.calls if call.request.method == "POST"]
    assert len(posts) == 3 and clock.naps[:2] == [0.5, 1.0]


@responses.activate
def test_a_child_of_another_parent_is_not_fought_over() -> None:
    refused = {"data": {"c0": None}, "errors": [problem("UNPROCESSABLE", "c0")]}
    above = {"number": 3, "repository": {"nameWithOwner": "octo/demo"}}
    responses.add("POST", GRAPHQL, json=refused)
    responses.add("POST", GRAPHQL, json=repository(i0=node(9, parent=above)))
    with pytest.raises(Invalid):
        make_client().adopt(PARENT, CHILD)
    assert len(responses.calls) == 2


# Single things


@responses.activate
def test_a_body_is_set() -> None:
    responses.add("PATCH", f"{ISSUES}/7", json=rest(7))
    make_client().set_body(PARENT, "new")
    assert sent() == {"body": "new"}


@responses.activate
@pytest.mark.parametrize(
    ("nodes", "who"),
    [([], None), ([{"actor": {"login": "eve\x1b[31m"}}], "eve"), ([{"actor": None}], "ghost")],
)
def test_who_reopened_is_asked_in_one_request(nodes: list[Any], who: str | None) -> None:
    responses.add("POST", GRAPHQL, json=repository(issue={"timelineItems": {"nodes": nodes}}))
    client = make_client()
    found = client.reopened_by(7)
    assert (found and found.login) == who and client.requests == 1


@responses.activate
def test_who_reopened_is_the_last_one_by_rest_too() -> None:
    events = [
        {"event": "reopened", "actor": {"login": "first"}},
        {"event": "reopened", "actor": {"login": "last"}, "node_id": "RE_5"},
        {"event": "labeled", "actor": {"login": "other"}},
    ]
    responses.add("GET", f"{ISSUES}/7/events", json=events)
    found = make_client(capabilities=REST_ONLY).reopened_by(7)
    assert found == ("last", "RE_5")


@responses.activate
@pytest.mark.parametrize(
    ("events", "who"), [([], None), ([{"event": "reopened", "actor": None}], "ghost")]
)
def test_a_deleted_account_is_told_from_nobody_by_rest(events: list[Any], who: str | None) -> None:
    responses.add("GET", f"{ISSUES}/7/events", json=events)
    found = make_client(capabilities=REST_ONLY).reopened_by(7)
    assert (found and found.login) == who


@responses.activate
def test_a_tree_by_rest() -> None:
    responses.add("GET", f"{ISSUES}/7", json=rest(7))
    other = rest(2, repository_url="https://api.github.com/repos/octo/other")
    responses.add("GET", f"{ISSUES}/7/sub_issues", json=[rest(1), other])
    found = make_client(capabilities=REST_ONLY).trees([7])[7]
    assert isinstance(found, Tree) and found.complete
    assert [(child.number, child.parent) for child in found.children] == [(1, 7)]


@responses.activate
def test_gone_by_rest() -> None:
    responses.add("GET", f"{ISSUES}/1", status=404, json={"message": "Not Found"})
    responses.add("GET", f"{ISSUES}/2", status=410, json={"message": "deleted"})
    there = {"location": "https://api.github.com/repositories/9/issues/5"}
    responses.add("GET", f"{ISSUES}/3", status=301, headers=there, json={"message": "Moved"})
    other = rest(5, repository_url="https://api.github.com/repos/octo/other")
    responses.add("GET", f"{API}/repositories/9/issues/5", json=other)
    responses.add("GET", f"{ISSUES}/4", json=rest(4, pull_request={"url": "x"}))
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=[rest(9)])
    found = make_client(capabilities=REST_ONLY).issues([1, 2, 3, 4])
    whys = [item.why for item in found.values() if isinstance(item, Gone)]
    assert whys == ["not found", "deleted", "moved", "a pull request"]


@responses.activate
def test_a_server_without_sub_issues_has_no_complete_tree() -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=node(7)))
    client = make_client(capabilities=Capabilities(True, False, False))
    assert client.trees([7]) == {7: Tree(client.issues([7])[7], (), False)}
    assert "parent" not in sent()["query"]


# GitHub Enterprise Server


@responses.activate
def test_an_enterprise_server_has_its_addresses_below_api() -> None:
    from craftkit.github.address import find_server

    server = find_server({"GITHUB_API_URL": "https://ghe.example.com/api/v3"}, {})
    site = "https://ghe.example.com:443/api"
    responses.add("POST", f"{site}/graphql", json=repository(i0=node(7)))
    responses.add("POST", f"{site}/v3/repos/octo/demo/issues", json=rest(8), status=201)
    there = {"location": "/api/v3/repositories/9/issues/7"}
    at = f"{site}/v3/repos/octo/demo/issues/7"
    responses.add("GET", at, status=301, headers=there, json={"message": "Moved"})
    responses.add("GET", f"{site}/v3/repositories/9/issues/7", json=rest(7))
    remembered = {
        key.replace("https://api.github.com", server.api_url): value
        for key, value in known().items()
    }
    client = make_client(server=server, remembered=remembered)
    assert isinstance(client.issues([7])[7], Issue)
    assert client.create_parent("t", "b", []).number == 8
    assert isinstance(client.access.rest_issue(7), Issue)


# The words of an issue


@responses.activate
def test_the_words_of_an_issue_and_whose_they_are() -> None:
    more = {"body": "text\ud800", "author_association": "CONTRIBUTOR", "state": "closed"}
    responses.add("GET", f"{ISSUES}/8", json=rest(8, user={"login": "app[bot]"}, **more))
    client = make_client()
    found = client.issue_text(8)
    assert found == IssueText(8, "app[bot]", "CONTRIBUTOR", "closed", "Task 8", "text?")
    assert client.requests == 1


@responses.activate
@pytest.mark.parametrize(
    ("user", "association"),
    [
        (None, None),
        ({"login": None}, "not a word"),
        ({"login": "</b> evil"}, "OWNER\nOWNER"),
        ({"login": "x" * 101}, ""),
    ],
)
def test_an_author_that_cannot_be_one_is_nobody(user: Any, association: Any) -> None:
    found = rest(8, user=user, author_association=association)
    responses.add("GET", f"{ISSUES}/8", json=found)
    assert make_client().issue_text(8)[:4] == (8, "", "NONE", "open")


@responses.activate
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 410, "json": {"message": "This issue was deleted"}}, "deleted"),
        ({"json": rest(8, pull_request={})}, "a pull request"),
        ({"json": rest(9)}, "moved"),
        ({"json": rest(8, repository_url="https://api.github.com/repos/octo/other")}, "moved"),
    ],
)
def test_the_words_of_what_is_no_issue_here(answer: dict[str, Any], why: str) -> None:
    responses.add("GET", f"{ISSUES}/8", **answer)
    assert make_client().issue_text(8)[:2] == (8, why)


@responses.activate
def test_the_words_of_an_issue_that_is_not_found() -> None:
    responses.add("GET", f"{ISSUES}/8", status=404, json={"message": "Not Found"})
    responses.add("POST", GRAPHQL, json=preflight())
    assert make_client().issue_text(8) == Gone(8, "not found")
