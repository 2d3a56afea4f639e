"""The GraphQL half: queries, mutations, batches, and how errors are said."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import is_interface_type, is_object_type
from sandbox_client import ISSUES, call, events, graphql, link, new_issue

from craftkit.sandbox import fields, graphql_api, schema
from craftkit.sandbox.server import Server, serve

TREE = """query($n:Int!){
  repository(owner:"octo-dev",name:"demo"){
    issue(number:$n){
      id number fullDatabaseId title body state stateReason(enableDuplicate:true) closed url
      updatedAt authorAssociation author{login __typename} labels(first:20){nodes{name}}
      subIssuesSummary{total completed percentCompleted}
      subIssues(first:2){totalCount nodes{number parent{number}} edges{cursor node{number}}
        pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}
    }
  }
}"""


def doc(text: str, **values: str) -> str:
    """A document; <name> stands for a value, <demo> for the field of the repository."""
    values["demo"] = 'repository(owner:"octo-dev",name:"demo")'
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def repo_id(server: Server) -> str:
    return str(graphql(server, doc("{<demo>{id}}"))["data"]["repository"]["id"])


def ids(server: Server, count: int) -> list[str]:
    return [new_issue(server, f"Issue {n}")["node_id"] for n in range(1, count + 1)]


def errors(answer: Any) -> list[tuple[str, list[Any]]]:
    return [(error["type"], error["path"]) for error in answer["errors"]]


def test_the_repository_and_the_viewer(sandbox: Server) -> None:
    answer = graphql(
        sandbox,
        doc("""{ viewer{login} <demo>{
            nameWithOwner isArchived isPrivate hasIssuesEnabled viewerPermission
            label(name:"BUG"){name} none:label(name:"no"){name}
            issues(last:1){totalCount nodes{number}} } rateLimit{limit cost remaining} }"""),
    )
    data = answer["data"]
    assert data["viewer"] == {"login": "octo-dev"}
    assert data["repository"]["viewerPermission"] == "ADMIN"
    assert data["repository"]["label"] == {"name": "bug"}
    assert data["repository"]["none"] is None
    assert data["rateLimit"] == {"limit": 5000, "cost": 1, "remaining": 4999}


def test_a_tree(sandbox: Server) -> None:
    parent = new_issue(sandbox, "Parent", labels=["bug"])
    for _ in range(3):
        link(sandbox, parent, new_issue(sandbox))
    call(sandbox, "PATCH", f"{ISSUES}/3", {"state": "closed"})
    issue = graphql(sandbox, TREE, n=1)["data"]["repository"]["issue"]
    assert (issue["id"], issue["fullDatabaseId"]) == (parent["node_id"], str(parent["id"]))
    assert (issue["state"], issue["stateReason"], issue["body"]) == ("OPEN", None, "")
    assert issue["url"] == f"{sandbox.url}/octo-dev/demo/issues/1"
    assert issue["subIssuesSummary"] == {"total": 3, "completed": 1, "percentCompleted": 33}
    first = issue["subIssues"]
    assert first["totalCount"] == 3
    assert [node["number"] for node in first["nodes"]] == [2, 3]
    assert first["pageInfo"]["hasNextPage"] is True
    text = doc(
        """query($after:String!){node(id:"<id>"){... on Issue{
        subIssues(first:2,after:$after){nodes{number} pageInfo{hasNextPage}}}}}""",
        id=parent["node_id"],
    )
    after = first["pageInfo"]["endCursor"]
    rest = graphql(sandbox, text, after=after)["data"]["node"]["subIssues"]
    assert rest == {"nodes": [{"number": 4}], "pageInfo": {"hasNextPage": False}}


def test_a_database_id_does_not_fit_into_an_integer(sandbox: Server) -> None:
    new_issue(sandbox)
    answer = graphql(sandbox, doc("{<demo>{issue(number:1){databaseId number}}}"))
    assert answer["data"]["repository"]["issue"] == {"databaseId": None, "number": 1}
    assert answer["errors"][0]["path"] == ["repository", "issue", "databaseId"]


def test_create_below_a_parent(sandbox: Server) -> None:
    (parent,) = ids(sandbox, 1)
    text = """mutation($r:ID!,$p:ID!,$l:[ID!]){createIssue(input:{repositoryId:$r,title:"Child",
        body:"b",parentIssueId:$p,labelIds:$l,clientMutationId:"me"}){
        clientMutationId issue{number parent{number} labels(first:9){nodes{name}}}}}"""
    label = graphql(sandbox, doc('{<demo>{label(name:"bug"){id}}}'))
    wanted = [label["data"]["repository"]["label"]["id"]]
    made = graphql(sandbox, text, r=repo_id(sandbox), p=parent, l=wanted)["data"]["createIssue"]
    assert made == {
        "clientMutationId": "me",
        "issue": {"number": 2, "parent": {"number": 1}, "labels": {"nodes": [{"name": "bug"}]}},
    }


def test_what_cannot_be_linked_is_not_created(sandbox: Server) -> None:
    (parent,) = ids(sandbox, 1)
    text = """mutation($r:ID!,$p:ID!){createIssue(input:{repositoryId:$r,title:"Child",
        parentIssueId:$p}){issue{number}}}"""
    where = repo_id(sandbox)
    for _ in range(100):
        graphql(sandbox, text, r=where, p=parent)
    answer = graphql(sandbox, text, r=where, p=parent)
    assert errors(answer) == [("UNPROCESSABLE", ["createIssue"])]
    assert answer["errors"][0]["message"] == "Parent cannot have more than 100 sub-issues"
    assert call(sandbox, "GET", f"{ISSUES}/102").status == 404


def test_a_batch_is_carried_out_in_order_and_in_part(sandbox: Server) -> None:
    one, two, three = ids(sandbox, 3)
    answer = graphql(
        sandbox,
        doc(
            """mutation{
            a:addSubIssue(input:{issueId:"<one>",subIssueId:"<two>"}){issue{number}}
            b:closeIssue(input:{issueId:"I_none"}){issue{state}}
            c:closeIssue(input:{issueId:"<two>",stateReason:DUPLICATE}){
              issue{state stateReason real:stateReason(enableDuplicate:true) parent{number}}}
            d:addSubIssue(input:{issueId:"<three>",subIssueId:"<two>"}){issue{number}}
        }""",
            one=one,
            two=two,
            three=three,
        ),
    )
    assert answer["data"] == {
        "a": {"issue": {"number": 1}},
        "b": None,
        "c": {
            "issue": {
                "state": "CLOSED",
                "stateReason": "NOT_PLANNED",
                "real": "DUPLICATE",
                "parent": {"number": 1},
            }
        },
        "d": None,
    }
    assert errors(answer) == [("NOT_FOUND", ["b"]), ("UNPROCESSABLE", ["d"])]
    assert events(sandbox, 2) == ["parent_issue_added", "closed"]


def test_every_mutation_of_an_issue(sandbox: Server) -> None:
    one, two, three = ids(sandbox, 3)
    link(sandbox, {"number": 1}, call(sandbox, "GET", f"{ISSUES}/3").json)
    label = """mutation($r:ID!){
        createLabel(input:{repositoryId:$r,name:"later",color:"aabbcc"}){label{id}}}"""
    made = graphql(sandbox, label, r=repo_id(sandbox))
    later = made["data"]["createLabel"]["label"]["id"]
    answer = graphql(
        sandbox,
        doc(
            """mutation{
            a:updateIssue(input:{id:"<one>",title:"New",body:"B"}){issue{title body}}
            b:addLabelsToLabelable(input:{labelableId:"<one>",labelIds:["<later>"]}){
              labelable{labels(first:5){nodes{name}}}}
            c:removeLabelsFromLabelable(input:{labelableId:"<one>",labelIds:["<later>"]}){
              labelable{labels(first:5){totalCount}}}
            d:addComment(input:{subjectId:"<one>",body:"Hi"}){
              commentEdge{node{body author{login} url}}}
            e:closeIssue(input:{issueId:"<one>",stateReason:NOT_PLANNED}){issue{stateReason}}
            f:reopenIssue(input:{issueId:"<one>"}){issue{state stateReason}}
            g:addSubIssue(input:{issueId:"<two>",subIssueId:"<three>",replaceParent:true}){
              issue{subIssues(first:1){nodes{number}}} subIssue{parent{number}}}
            h:removeSubIssue(input:{issueId:"<two>",subIssueId:"<three>"}){
              issue{subIssues(first:1){totalCount}}}
            i:addSubIssue(input:{issueId:"<two>",
              subIssueUrl:"https://github.com/octo-dev/demo/issues/3"}){subIssue{number}}
            j:addBlockedBy(input:{issueId:"<one>",blockingIssueId:"<three>"}){
              issue{blockedBy(first:5){nodes{number}}} blockingIssue{number}}
            k:removeBlockedBy(input:{issueId:"<one>",blockingIssueId:"<three>"}){
              issue{blockedBy(first:5){totalCount}}}
            l:updateIssue(input:{id:"<one>",state:CLOSED}){issue{closed}}
        }""",
            one=one,
            later=later,
            two=two,
            three=three,
        ),
    )
    assert "errors" not in answer
    data = answer["data"]
    assert data["a"]["issue"] == {"title": "New", "body": "B"}
    assert data["b"]["labelable"]["labels"]["nodes"] == [{"name": "later"}]
    assert data["c"]["labelable"]["labels"]["totalCount"] == 0
    assert data["d"]["commentEdge"]["node"]["body"] == "Hi"
    assert data["e"]["issue"]["stateReason"] == "NOT_PLANNED"
    assert data["f"]["issue"] == {"state": "OPEN", "stateReason": "REOPENED"}
    assert data["g"]["subIssue"]["parent"]["number"] == 2
    assert data["h"]["issue"]["subIssues"]["totalCount"] == 0
    assert data["i"]["subIssue"]["number"] == 3
    assert data["j"]["issue"]["blockedBy"]["nodes"] == [{"number": 3}]
    assert data["k"]["issue"]["blockedBy"]["totalCount"] == 0
    assert data["l"]["issue"]["closed"] is True


def test_the_order_of_sub_issues(sandbox: Server) -> None:
    parent, *children = ids(sandbox, 4)
    for child in children:
        text = doc(
            'mutation{addSubIssue(input:{issueId:"<parent>",subIssueId:"<child>"})',
            parent=parent,
            child=child,
        )
        graphql(sandbox, text + "{clientMutationId}}")
    a, _, c = children
    answer = graphql(
        sandbox,
        doc(
            """mutation{reprioritizeSubIssue(input:{
            issueId:"<parent>",subIssueId:"<c>",beforeId:"<a>"}){
            issue{subIssues(first:9){nodes{number}}}}}""",
            parent=parent,
            c=c,
            a=a,
        ),
    )
    nodes = answer["data"]["reprioritizeSubIssue"]["issue"]["subIssues"]["nodes"]
    assert [node["number"] for node in nodes] == [4, 2, 3]


def test_who_reopened_an_issue_last(sandbox: Server) -> None:
    new_issue(sandbox)
    for state, token in (("closed", "sandbox-token"), ("open", "sandbox-reviewer")):
        call(sandbox, "PATCH", f"{ISSUES}/1", {"state": state}, token=token)
    call(sandbox, "POST", f"{ISSUES}/1/comments", {"body": "x"})
    answer = graphql(
        sandbox,
        doc("""{<demo>{issue(number:1){
            timelineItems(last:1,itemTypes:[REOPENED_EVENT,CLOSED_EVENT]){nodes{__typename
              ... on ReopenedEvent{actor{login} createdAt}
              ... on ClosedEvent{actor{login} stateReason} }}
            all:timelineItems(first:9){nodes{__typename}} }}}"""),
    )
    issue = answer["data"]["repository"]["issue"]
    (last,) = issue["timelineItems"]["nodes"]
    assert (last["__typename"], last["actor"]["login"]) == ("ReopenedEvent", "reviewer")
    kinds = [node["__typename"] for node in issue["all"]["nodes"]]
    assert kinds == ["ClosedEvent", "ReopenedEvent", "IssueComment"]


def test_the_status_of_a_project(sandbox: Server) -> None:
    (issue,) = ids(sandbox, 1)
    fields_text = '{user(login:"octo-dev"){projectV2(number:1){id title field(name:"Status"){'
    fields_text += "... on ProjectV2SingleSelectField{id options{id name}}}}}}"
    project = graphql(sandbox, fields_text)["data"]["user"]["projectV2"]
    field = project["field"]
    assert [option["name"] for option in field["options"]] == ["Todo", "In Progress", "Done"]
    add = "mutation($p:ID!,$i:ID!){addProjectV2ItemById(input:{projectId:$p,contentId:$i})"
    add += "{item{id type}}}"
    item = graphql(sandbox, add, p=project["id"], i=issue)["data"]["addProjectV2ItemById"]["item"]
    again = graphql(sandbox, add, p=project["id"], i=issue)["data"]["addProjectV2ItemById"]["item"]
    assert item == again and item["type"] == "ISSUE"
    put = """mutation($p:ID!,$i:ID!,$f:ID!,$o:String!){updateProjectV2ItemFieldValue(input:{
        projectId:$p,itemId:$i,fieldId:$f,value:{singleSelectOptionId:$o}}){projectV2Item{
        fieldValueByName(name:"Status"){... on ProjectV2ItemFieldSingleSelectValue{name}}}}}"""
    given = {"p": project["id"], "i": item["id"], "f": field["id"]}
    done = graphql(sandbox, put, o=field["options"][1]["id"], **given)
    new = done["data"]["updateProjectV2ItemFieldValue"]["projectV2Item"]
    assert new == {"fieldValueByName": {"name": "In Progress"}}
    wrong = graphql(sandbox, put, o="00000000", **given)
    assert errors(wrong) == [("UNPROCESSABLE", ["updateProjectV2ItemFieldValue"])]
    items = doc("""{<demo>{issue(number:1){projectItems(first:5){nodes{
        project{number} fieldValueByName(name:"Status"){
        ... on ProjectV2ItemFieldSingleSelectValue{name optionId}}}}}}}""")
    found = graphql(sandbox, items)["data"]["repository"]["issue"]["projectItems"]["nodes"]
    assert found[0]["fieldValueByName"]["name"] == "In Progress"
    none = graphql(sandbox, '{user(login:"octo-dev"){projectV2(number:9){id}}}')
    assert errors(none) == [("NOT_FOUND", ["user", "projectV2"])]


def test_a_deleted_issue_leaves_no_link(sandbox: Server) -> None:
    above, gone, below, other = ids(sandbox, 4)
    project = graphql(sandbox, '{user(login:"octo-dev"){projectV2(number:1){id}}}')
    text = doc(
        """mutation{
        a:addSubIssue(input:{issueId:"<above>",subIssueId:"<gone>"}){clientMutationId}
        b:addSubIssue(input:{issueId:"<gone>",subIssueId:"<below>"}){clientMutationId}
        c:addBlockedBy(input:{issueId:"<gone>",blockingIssueId:"<above>"}){clientMutationId}
        d:addBlockedBy(input:{issueId:"<other>",blockingIssueId:"<gone>"}){clientMutationId}
        e:addProjectV2ItemById(input:{projectId:"<project>",contentId:"<gone>"}){item{id}}
        f:deleteIssue(input:{issueId:"<gone>"}){repository{name}} }""",
        above=above,
        gone=gone,
        below=below,
        other=other,
        project=project["data"]["user"]["projectV2"]["id"],
    )
    assert "errors" not in graphql(sandbox, text)
    left = [i for i in sandbox.state.world.issues.values() if not i.deleted]
    assert not any(i.parent or i.children or i.blocked_by or i.blocking for i in left)
    assert not any(known.items for known in sandbox.state.world.projects.values())


def test_issues_by_filter_and_order(sandbox: Server) -> None:
    new_issue(sandbox, labels=["bug"])
    call(sandbox, "POST", ISSUES, {"title": "Mine"}, token="sandbox-reviewer")
    sandbox.state.offset += 60
    since = sandbox.state.stamp()
    call(sandbox, "POST", f"{ISSUES}/1/comments", {"body": "x"})
    call(sandbox, "PATCH", f"{ISSUES}/2", {"state": "closed"}, token="sandbox-reviewer")
    new_issue(sandbox)
    for given, want in (
        ("orderBy:{field:CREATED_AT,direction:DESC}", [3, 2, 1]),
        ("orderBy:{field:COMMENTS,direction:ASC}", [2, 3, 1]),
        ("states:[CLOSED]", [2]),
        ('labels:["bug","none"]', [1]),
        (f'filterBy:{{since:"{since}"}}', [1, 2, 3]),
        ('filterBy:{createdBy:"reviewer",states:[CLOSED]}', [2]),
    ):
        text = doc("{<demo>{issues(first:9,<given>){nodes{...F}}}} ", given=given)
        text += "fragment F on Issue{... on Issue{number}}"
        nodes = graphql(sandbox, text)["data"]["repository"]["issues"]["nodes"]
        assert [node["number"] for node in nodes] == want, given
    last = graphql(sandbox, doc("query($n:Int=2){<demo>{issues(last:$n){nodes{number}}}}"))
    assert last["data"]["repository"]["issues"]["nodes"] == [{"number": 2}, {"number": 3}]


def test_a_project_belongs_to_somebody() -> None:
    seed = {
        "organizations": [{"login": "acme", "members": ["member"]}],
        "tokens": {
            "member": {"login": "member"},
            "guest": {"login": "guest"},
            "fine": {"login": "member", "kind": "fine-grained", "permissions": {"issues": "write"}},
        },
        "repos": [{"full_name": "acme/app", "issues": [{"title": "x"}]}],
        "projects": [{"owner": "acme", "number": 1}],
    }
    with serve(seed=seed) as server:
        text = '{organization(login:"acme"){projectV2(number:1){id}}}'
        project = graphql(server, text, token="member")["data"]["organization"]["projectV2"]["id"]
        issue = call(server, "GET", "/repos/acme/app/issues/1", token="member").json["node_id"]
        add = "mutation($p:ID!,$i:ID!){addProjectV2ItemById(input:{projectId:$p,contentId:$i})"
        add += "{item{id}}}"
        given = {"p": project, "i": issue}
        assert "errors" not in graphql(server, add, token="member", **given)
        for token in ("guest", "fine"):
            refused = graphql(server, add, token=token, **given)
            assert errors(refused) == [("FORBIDDEN", ["addProjectV2ItemById"])]


def test_projects_ask_for_a_scope_of_their_own() -> None:
    seed = {
        "tokens": {"repo-only": {"login": "octo-dev", "scopes": ["repo"]}},
        "projects": [{"owner": "octo-dev", "number": 1}],
    }
    with serve(seed=seed) as server:
        text = '{user(login:"octo-dev"){projectV2(number:1){id}}}'
        answer = graphql(server, text, token="repo-only")
        assert errors(answer) == [("INSUFFICIENT_SCOPES", ["user", "projectV2"])]


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ('{repository(owner:"octo-dev",name:"no"){id}}', "NOT_FOUND", ["repository"]),
        (doc("{<demo>{issue(number:9){id}}}"), "NOT_FOUND", ["repository", "issue"]),
        ('{node(id:"I_kwDO"){id}}', "NOT_FOUND", ["node"]),
        ('{organization(login:"octo-dev"){id}}', "NOT_FOUND", ["organization"]),
        (doc("{<demo>{issues{totalCount}}}"), "MISSING_PAGINATION_BOUNDARIES", None),
        (doc("{<demo>{issues(first:101){totalCount}}}"), "EXCESSIVE_PAGINATION", None),
    ],
)
def test_typed_errors(sandbox: Server, text: str, kind: str, path: list[str] | None) -> None:
    answer = graphql(sandbox, text)
    assert [error["type"] for error in answer["errors"]] == [kind]
    if path:
        assert answer["errors"][0]["path"] == path


def test_one_of_several_nodes_may_be_missing(sandbox: Server) -> None:
    (one,) = ids(sandbox, 1)
    answer = graphql(sandbox, "query($i:[ID!]!){nodes(ids:$i){... on Issue{number}}}", i=[one, "x"])
    assert answer["data"] == {"nodes": [{"number": 1}, None]}
    assert errors(answer) == [("NOT_FOUND", ["nodes", 1])]


def test_unknown_fields_and_wrong_types_are_refused(sandbox: Server) -> None:
    unknown = graphql(sandbox, doc("{<demo>{issue(number:1){subTasks}}}"))
    assert "data" not in unknown
    (error,) = unknown["errors"]
    assert error["message"] == "Field 'subTasks' doesn't exist on type 'Issue'"
    assert error["extensions"] == {
        "code": "undefinedField",
        "typeName": "Issue",
        "fieldName": "subTasks",
    }
    for text in (
        doc('{<demo>{issue(number:"1"){id}}}'),
        doc("{<demo>{issue{id}}}"),
        'mutation{closeIssue(input:{issueId:"x",stateReason:DONE}){issue{id}}}',
        "mutation{closeIssue(input:{}){issue{id}}}",
        'mutation{createIssue(input:{repositoryId:"x",title:"t",nonsense:1}){issue{id}}}',
        "{viewer{login}",
        "",
    ):
        answer = graphql(sandbox, text)
        assert answer["errors"] and "data" not in answer
    wrong = graphql(sandbox, TREE, n="1")
    assert wrong["errors"] and "data" not in wrong


def test_what_is_no_request_is_refused(sandbox: Server) -> None:
    for body in (
        b"{",
        {"variables": {}},
        {"query": 7},
        {"query": "{viewer{login}}", "variables": 1},
    ):
        assert call(sandbox, "POST", "/graphql", body).status == 400
    text = {"query": "{viewer{login}}"}
    assert call(sandbox, "POST", "/graphql", text, token=None).status == 401
    assert call(sandbox, "POST", "/graphql", text, token="wrong").status == 401


def test_a_private_repository_is_hidden() -> None:
    seed = {
        "tokens": {"mine": {"login": "octo-dev"}, "other": {"login": "stranger"}},
        "repos": [{"full_name": "octo-dev/demo", "private": True, "issues": [{"title": "x"}]}],
    }
    with serve(seed=seed) as server:
        text = doc("{<demo>{issue(number:1){id}}}")
        issue = graphql(server, text, token="mine")["data"]["repository"]["issue"]["id"]
        assert errors(graphql(server, text, token="other")) == [("NOT_FOUND", ["repository"])]
        node = graphql(server, doc('{node(id:"<issue>"){id}}', issue=issue), token="other")
        assert errors(node) == [("NOT_FOUND", ["node"])]
        close = doc('mutation{closeIssue(input:{issueId:"<issue>"}){issue{id}}}', issue=issue)
        assert errors(graphql(server, close, token="other")) == [("NOT_FOUND", ["closeIssue"])]


def test_a_stranger_may_not_write(sandbox: Server) -> None:
    (one,) = ids(sandbox, 1)
    close = doc('mutation{closeIssue(input:{issueId:"<one>"}){issue{id}}}', one=one)
    answer = graphql(sandbox, close, token="sandbox-stranger")
    assert errors(answer) == [("FORBIDDEN", ["closeIssue"])]


def test_a_server_without_sub_issues_does_not_know_their_fields() -> None:
    seed = {
        "tokens": {"sandbox-token": {"login": "octo-dev"}},
        "repos": [{"full_name": "octo-dev/demo", "issues": [{"title": "x"}]}],
        "capabilities": {"sub_issues": False, "dependencies": False},
    }
    with serve(seed=seed) as server:
        for field in (
            "subIssues(first:1){totalCount}",
            "parent{id}",
            "blockedBy(first:1){totalCount}",
        ):
            answer = graphql(server, doc("{<demo>{issue(number:1){<field>}}}", field=field))
            assert answer["errors"][0]["extensions"]["code"] == "undefinedField"
        text = (
            'mutation{createIssue(input:{repositoryId:"x",title:"t",parentIssueId:"y"}){issue{id}}}'
        )
        refused = graphql(server, text)["errors"][0]
        assert refused["extensions"]["argumentName"] == "parentIssueId"
        assert refused["message"].startswith("InputObject 'CreateIssueInput' doesn't accept")
        assert graphql(server, doc("{<demo>{issue(number:1){title}}}"))["data"]


def test_cost_counts_connections_below_each_other(sandbox: Server) -> None:
    text = doc("{<demo>{issues(first:100){nodes{subIssues(first:100){nodes{labels(first:20){")
    text += "nodes{name}}}}}}} rateLimit{cost nodeCount}}"
    limits = graphql(sandbox, text)["data"]["rateLimit"]
    assert limits == {"cost": 101, "nodeCount": 100 + 100 * 100 + 100 * 100 * 20}
    deep = doc("{<demo>{issues(first:100){nodes{subIssues(first:100){nodes{labels(first:99){")
    answer = graphql(sandbox, deep + "nodes{name}}}}}}}}")
    assert answer["errors"][0]["type"] == "MAX_NODE_LIMIT_EXCEEDED"


def test_every_field_of_the_schema_can_be_answered() -> None:
    """A field that is in the schema but has no resolver would only fail when somebody asks."""
    built = graphql_api.ready(True, True)
    plain = 0
    for name, kind in built.type_map.items():
        if name.startswith("__") or not is_object_type(kind):
            continue
        for field in kind.fields.values():
            assert field.resolve is not None
            plain += 1
    assert plain > 200
    unknown = fields.FIELDS.keys() - built.type_map.keys()
    assert not unknown
    for name, known in fields.FIELDS.items():
        kind = built.type_map[name]
        assert is_object_type(kind) or is_interface_type(kind)
        extra = known.keys() - kind.fields.keys()
        # One table for several types has more than each of them.
        shared = known in (fields.EVENT, fields.USER) or name == "PullRequest"
        assert shared or not extra, (name, extra)


def test_the_whole_of_every_type_is_answered(sandbox: Server) -> None:
    """Asks for every field without arguments of what one issue can reach."""
    parent, child = new_issue(sandbox, labels=["bug"]), new_issue(sandbox)
    link(sandbox, parent, child)
    call(sandbox, "POST", f"{ISSUES}/1/comments", {"body": "x"})
    call(sandbox, "PATCH", f"{ISSUES}/1", {"title": "n", "state": "closed", "labels": []})
    call(sandbox, "PATCH", f"{ISSUES}/1", {"state": "open"})
    built = schema.load()

    def scalars(name: str, *skip: str) -> str:
        kind = built.type_map[name]
        assert is_object_type(kind)
        kept = []
        for key, field in kind.fields.items():
            inner = str(field.type).strip("![]")
            leaf = not hasattr(built.type_map[inner], "fields") and not hasattr(
                built.type_map[inner], "types"
            )
            if leaf and key not in skip:
                kept.append(key)
        return " ".join(kept)

    story = " ".join(
        doc("... on <name>{<scalars>}", name=name, scalars=scalars(name, "databaseId"))
        for name in (*fields.EVENTS.values(), "IssueComment")
    ).replace("stateReason", "why:stateReason")
    text = doc(
        """{
        viewer{<user>} <demo>{ <repository>
          owner{login url id} labels(first:5){nodes{<label>}}
          issueOrPullRequest(number:1){__typename} pullRequests(first:1){totalCount}
          projectV2(number:1){<project> owner{id} items(first:1){totalCount}
            fields(first:5){nodes{... on ProjectV2FieldCommon{id name dataType}
              ... on ProjectV2SingleSelectField{options(names:["Done"]){<option>}}}}}
          issue(number:1){ <issue> repository{name}
            comments(first:5){nodes{<comment> issue{number}}}
            timelineItems(first:50){nodes{__typename <story>}} } }
        repositoryOwner(login:"octo-dev"){login} }""",
        user=scalars("User"),
        repository=scalars("Repository"),
        label=scalars("Label"),
        project=scalars("ProjectV2"),
        option=scalars("ProjectV2SingleSelectFieldOption"),
        issue=scalars("Issue", "databaseId"),
        comment=scalars("IssueComment", "databaseId"),
        story=story,
    )
    answer = graphql(sandbox, text)
    assert "errors" not in answer, answer["errors"]
    issue = answer["data"]["repository"]["issue"]
    assert len(issue["timelineItems"]["nodes"]) == 7
