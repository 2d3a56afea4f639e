"""Access to one repository: its present name, who we are there, what the server can do.

Everything that was once learned is remembered in a mapping that the caller keeps (its keys begin
with the server and the repository), because no request is made to learn what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

from craftkit.github import error_mapping, graphql_queries, mapping
from craftkit.github.address import Project
from craftkit.github.api_requests import ApiResult, Caller
from craftkit.github.gateway import (
    PAGES,
    PULL_REQUEST,
    Capabilities,
    Forbidden,
    GitHubError,
    Gone,
    Issue,
    IssueGone,
    NotFound,
    Repository,
    UnknownOutcome,
)
from craftkit.github.graphql_queries import Document, QueryPlace, QueryShape
from craftkit.github.mapping import Malformed

T = TypeVar("T")

_MARKER = "<!-- craftkit "
_UNTRACED = ("not found", "moved")
_TRACED = 5  # missing issues of one look that are asked for one by one
# Fields and arguments that servers differ in, as `abilities` remembers them.
_DUPLICATE, _CREATE_BELOW, _BLOCK = "duplicate", "create-below", "block"


class Access:
    """What every call needs to know.  Its methods raise the errors of the gateway."""

    def __init__(
        self,
        caller: Caller,
        place: QueryPlace,
        remembered: MutableMapping[str, str],
        capabilities: Capabilities | None,
        project: Project | None,
        status_field: str,
    ) -> None:
        self.caller = caller
        self.place = place
        self.project = project
        self.status_field = status_field
        self.nodes: dict[int, str] = {}  # node ids of the issues that this process has seen
        self._remembered = remembered
        self._prefix = f"{caller.server.api_url} {place.owner}/{place.name}".lower()
        known: tuple[bool | None, ...] = capabilities or (None, None, None)
        self._graphql, self._sub_issues, self._dependencies = known
        self._name = ""  # as GitHub has it now: what was agreed to is asked for in each process
        self._seen = False  # whether the repository was seen by this process
        self._sample = 0  # the number of some issue, to try things on

    # What is remembered

    def recall(self, *key: str) -> str:
        return self._remembered.get(" ".join((self._prefix, *key)), "")

    def remember(self, value: str, *key: str) -> None:
        if value and self.recall(*key) != value:
            self._remembered[" ".join((self._prefix, *key))] = value

    def forget(self, *key: str) -> None:
        self._remembered.pop(" ".join((self._prefix, *key)), None)

    # The repository

    def preflight(self, newest: int = 1) -> Repository:
        """The repository as it is now; the first time, also what the server can do."""
        found = None
        if self._graphql is not False:
            found = self._preflight_by_graphql(newest)
        if found is None:
            found = self._preflight_by_rest()
            self._graphql = False  # only now: a proxy answers 404 to anything
        self._seen = True
        self._name = found.full_name
        self.remember(found.node_id, "id")
        self.remember(found.login, "login")
        return found

    def full_name(self) -> str:
        return self._name or f"{self.place.owner}/{self.place.name}"

    def login(self) -> str:
        return self.recall("login") or self.preflight().login

    def repository_id(self) -> str:
        return self.recall("id") or self.preflight().node_id

    def missing(self, number: int) -> GitHubError:
        """The error for an issue that is not found: is it gone, or is the repository hidden?"""
        try:
            if not self._seen:
                self.preflight()
        except GitHubError as error:
            return error
        return error_mapping.gone(self.caller.about, number, "not found")

    def _preflight_by_graphql(self, newest: int) -> Repository | None:
        probe = self._graphql is None or self._sub_issues is None
        document = graphql_queries.preflight(self.place, probe, newest)
        try:
            result = self.caller.graphql(document, write=False)
        except (error_mapping.NoGraphQL, error_mapping.NotUnderstood):
            return None
        for problem in result.problems:
            if problem.path[:1] != ("viewer",) or not result.data.get("repository"):
                raise self.caller.error(problem, result.headers, write=False)
        repository = self.read(mapping.graphql_repository, result.data)
        if probe:
            self._graphql = self.read(self._learn_abilities, result.data)
            if not self._graphql:
                return None
        self._sample = repository.newest[0].number if repository.newest else 0
        return repository

    def _preflight_by_rest(self) -> Repository:
        caller = self.caller
        path = f"/repos/{self.full_name()}"
        try:
            data = caller.get(path, _repository)
        except NotFound:
            if path == f"/repos/{self.place.owner}/{self.place.name}":
                raise
            self._name = ""  # that name is history too
            data = caller.get(f"/repos/{self.place.owner}/{self.place.name}", _repository)
        try:
            login = caller.get("/user", lambda user: mapping.text(user, "login"))
        except GitHubError:  # an App has no user
            login = ""
        self._name = self.read(mapping.text, data, "full_name")
        # Newest first, so that one page is enough.
        newest = caller.items(
            f"/repos/{self.full_name()}/issues?state=all&sort=created&direction=desc",
            lambda page: True,
        )
        repository = self.read(mapping.rest_repository, data, login, newest)
        self._sample = max((issue.number for issue in repository.newest), default=0)
        return repository

    # What the server can do

    def capabilities(self) -> Capabilities:
        graphql, sub_issues = self.has_graphql(), self.has_sub_issues()
        dependencies = self._dependencies
        if dependencies is None:
            tried = self._try("dependencies/blocked_by")
            dependencies = tried is not False
            self._dependencies = tried
        return Capabilities(graphql, sub_issues, dependencies)

    def known_capabilities(self) -> Capabilities | None:
        """What was found out for certain, without asking."""
        graphql, sub_issues, dependencies = self._graphql, self._sub_issues, self._dependencies
        if graphql is None or sub_issues is None or dependencies is None:
            return None
        return Capabilities(graphql, sub_issues, dependencies)

    def forget_capabilities(self) -> None:
        """Find out anew at the next occasion."""
        self._graphql = self._sub_issues = self._dependencies = None
        self.forget("abilities")

    def has_graphql(self) -> bool:
        if self._graphql is None:
            self.preflight()
        return bool(self._graphql)

    def has_sub_issues(self) -> bool:
        if self._sub_issues is None:
            if self._graphql is None:
                self.preflight()
            if self._sub_issues is None:
                self._sub_issues = self._try("sub_issues")
        return self._sub_issues is not False  # not known before there is an issue

    def shape(self) -> QueryShape:
        return QueryShape(duplicate=self._is_able(_DUPLICATE), parent=self.has_sub_issues())

    def creates_below(self) -> bool:
        """Whether one call makes an issue and links it below another."""
        return self.has_graphql() and self.has_sub_issues() and self._is_able(_CREATE_BELOW)

    def blocks_by_graphql(self) -> bool:
        return self.has_graphql() and self._is_able(_BLOCK)

    def _is_able(self, ability: str) -> bool:
        """Servers are up to date until they prove otherwise."""
        known = self.recall("abilities")
        return not known or ability in known.split()

    def _learn_abilities(self, data: Any) -> bool:
        """Whether GraphQL here serves us at all; the rest goes into what is remembered."""
        member, text = mapping.member, mapping.text

        def names(alias: str, fields: str) -> dict[str, list[str]]:
            found = member(member(data, alias, dict, {}), fields, list, [])
            return {
                text(item, "name"): [text(arg, "name") for arg in member(item, "args", list, [])]
                for item in found
            }

        issue, mutation = names("issueType", "fields"), names("mutationType", "fields")
        usable = {"fullDatabaseId", "stateReason"} <= issue.keys() and "closeIssue" in mutation
        if usable:
            self._sub_issues = {"subIssues", "parent"} <= issue.keys() and "addSubIssue" in mutation
            able = {
                _DUPLICATE: "enableDuplicate" in issue["stateReason"],
                _CREATE_BELOW: "parentIssueId" in names("createType", "inputFields"),
                _BLOCK: "addBlockedBy" in mutation,
            }
            if able[_BLOCK]:
                self._dependencies = True
            self.remember(" ".join(["known", *(name for name in able if able[name])]), "abilities")
        return usable

    def _try(self, tail: str) -> bool | None:
        """Whether REST knows something of issues; None where there is no issue to try it on."""
        if not self._sample:
            self.preflight()
        if not self._sample:
            return None
        try:
            self.items(f"issues/{self._sample}/{tail}", lambda page: True)
        except (IssueGone, NotFound):
            return False
        return True

    # Calls

    def graphql(self, document: Document, write: bool) -> ApiResult:
        try:
            return self.caller.graphql(document, write)
        except (error_mapping.NoGraphQL, error_mapping.NotUnderstood):
            self.forget_capabilities()
            raise

    def get(self, tail: str, read: Callable[[Any], T], number: int | None = None) -> T:
        return self._at_present_name(lambda at: self.caller.get(f"{at}/{tail}", read, number))

    def items(
        self, tail: str, done: Callable[[list[dict[str, Any]]], bool], pages: int = PAGES
    ) -> list[dict[str, Any]]:
        return self._at_present_name(lambda at: self.caller.items(f"{at}/{tail}", done, pages))

    def send(
        self,
        verb: str,
        tail: str,
        body: dict[str, Any] | None,
        read: Callable[[Any], T],
        number: int | None = None,
    ) -> T:
        """Write by REST; a 404 is told apart into gone and hidden."""
        try:
            return self._at_present_name(
                lambda at: self.caller.send(verb, f"{at}/{tail}", body, read, number)
            )
        except NotFound:
            if number is None:
                raise
            raise self.missing(number) from None

    def _at_present_name(self, call: Callable[[str], T]) -> T:
        """A redirect means a moved issue, unless the repository has another name by now."""
        before = self.full_name()
        try:
            return call(f"/repos/{before}")
        except error_mapping.Moved:
            self.preflight()
            if self.full_name() == before:
                raise
            return call(f"/repos/{self.full_name()}")

    # Reading

    def read(self, reader: Callable[..., T], *given: Any) -> T:
        """`reader` on a part of an answer to a read.  Raises NoAnswer."""
        try:
            return reader(*given)
        except Malformed as error:
            raise error_mapping.no_answer(
                self.caller.about, f"its answer is malformed ({error})"
            ) from None

    def written(self, reader: Callable[..., T], *given: Any) -> T:
        """`reader` on a part of an answer to a write.  Raises UnknownOutcome."""
        try:
            return reader(*given)
        except Malformed as error:
            raise self.unknown(f"its answer is malformed ({error})") from None

    def unknown(self, why: str) -> UnknownOutcome:
        return error_mapping.unknown_outcome(self.caller.about, why)

    def issues(self, numbers: Sequence[int]) -> dict[int, Issue | Gone]:
        found: dict[int, Issue | Gone] = {}
        wanted = list(dict.fromkeys(numbers))
        if not self.has_graphql():
            return {number: self.rest_issue(number) for number in wanted}
        for batch in chunks(wanted, graphql_queries.ISSUES_AT_ONCE):
            result = self.graphql(
                graphql_queries.issues(self.place, batch, self.shape()), write=False
            )
            for number, node in self.by_number(result, batch, deep=()).items():
                found[number] = node if isinstance(node, Gone) else self.noted(node)
        return self.traced(found)

    def traced(self, found: dict[int, T | Gone]) -> dict[int, T | Gone]:
        """`found`, in which it is said of some missing issues where they are now.

        GraphQL only says that there is none; REST tells deleted from transferred.
        """
        lost = [n for n, one in found.items() if isinstance(one, Gone) and one.why in _UNTRACED]
        for number in lost[:_TRACED]:
            with suppress(GitHubError):  # then it stays as vague as it was
                where = self.rest_data(number)
                if isinstance(where, Gone):
                    found[number] = where
        return found

    def by_number(
        self, result: ApiResult, numbers: Sequence[int], deep: Sequence[str]
    ) -> dict[int, Any]:
        """The nodes of a document with one alias per number, and Gone for those that are not.

        A problem inside a node is raised, except below the fields in `deep`.
        """
        absent = set()
        for problem in result.problems:
            path = problem.path
            if path[:1] != ("repository",) or len(path) == 1:
                raise self.caller.error(problem, result.headers, write=False)
            if len(path) == 2 and problem.kind == "NOT_FOUND":
                absent.add(path[1])
            elif len(path) == 2 or path[2] not in deep:
                raise self.caller.error(problem, result.headers, write=False)
        repository = self.read(mapping.member, result.data, "repository", dict)
        present = self.read(mapping.text, repository, "nameWithOwner").lower()
        nodes: dict[int, Any] = {}
        for k, number in enumerate(numbers):
            if f"i{k}" in absent:
                nodes[number] = Gone(number, "not found")
                continue
            node = self.read(mapping.member, repository, f"i{k}", dict)
            if node.get("__typename") == "PullRequest":
                node = Gone(number, PULL_REQUEST)
            elif "number" in node:
                here = self.read(mapping.repository_of_node, node) == present
                moved = not here or self.read(mapping.whole, node, "number") != number
                node = Gone(number, "moved") if moved else node
            nodes[number] = node
        return nodes

    def noted(self, node: Any, parent: int | None = None) -> Issue:
        """A GraphQL issue, its node id kept for later."""
        issue = self.read(mapping.graphql_issue, node, parent)
        self.nodes[issue.number] = issue.node_id
        return self.judged(issue)

    def judged(self, issue: Issue) -> Issue:
        """An issue with a marker, whose author's rights are asked for if nobody knows them."""
        unknown = not issue.trusted and issue.by_member and _MARKER in issue.body
        return issue._replace(trusted=self.may_push(issue)) if unknown else issue

    def may_push(self, issue: Issue) -> bool:
        """Whether an issue is ours, or its author may push: asked once a day for each person.

        A token that may not ask learns of nobody that they may.
        """
        if issue.trusted or not (issue.by_member and issue.author):
            return issue.trusted
        day = str(int(self.caller.rate_limiter.clock() // 86400))
        key = ("push", issue.author)
        known, _, asked = self.recall(*key).partition(" ")
        if asked != day:
            try:
                tail = f"collaborators/{quote(issue.author, safe='')}/permission"
                known = "yes" if self.get(tail, mapping.may_push) else "no"
            except (NotFound, Forbidden):
                known = "no"
            self.remember(f"{known} {day}", *key)
        return known == "yes"

    def rest_issue(self, number: int) -> Issue | Gone:
        login = self.login()
        data = self.rest_data(number)
        if isinstance(data, Gone):
            return data
        issue = self.read(mapping.rest_issue, data, login)
        self.nodes[number] = issue.node_id
        return self.judged(issue)

    def rest_data(self, number: int) -> Any:
        """One issue as REST has it, or Gone."""
        try:
            data = self.get(f"issues/{number}", _issue, number)
        except NotFound:
            error = self.missing(number)
            if isinstance(error, IssueGone):
                return Gone(number, "not found")
            raise error from None
        except error_mapping.Moved:
            return Gone(number, "moved")
        except IssueGone:
            return Gone(number, "deleted")
        if mapping.is_pull_request(data):
            return Gone(number, PULL_REQUEST)
        at = self.read(mapping.repository_of, data)
        here = self.read(mapping.whole, data, "number") == number
        if not here or (at and at != self.full_name().lower()):
            return Gone(number, "moved", f"{at}#{data['number']}" if at else "")
        return data


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _issue(data: Any) -> Any:
    mapping.rest_issue(data)  # a malformed one is asked for again
    return data


def _repository(data: Any) -> Any:
    mapping.rest_repository(data, "", ())
    return data
