"""The gateway over PyGithub: GraphQL where one request does the work of many, REST for the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from craftkit.errors import CraftkitError
from craftkit.github import error_mapping, graphql_queries, issue_changes, mapping
from craftkit.github.address import Project, Server, is_loopback
from craftkit.github.api_requests import Caller, Etags
from craftkit.github.gateway import (
    PAGES,
    Capabilities,
    GitHubError,
    Gone,
    Invalid,
    Issue,
    IssueChange,
    IssueGone,
    IssueText,
    NoAnswer,
    NotFound,
    Reopening,
    Repository,
    Tree,
)
from craftkit.github.graphql_queries import QueryPlace
from craftkit.github.pacing import Limits, RateLimiter
from craftkit.github.repository_api import Access, chunks
from craftkit.github.tokens import Token
from craftkit.text import one_line

_CHILD_PAGES = 10  # of a hundred; GitHub allows one parent a hundred sub-issues
_LINK_ATTEMPTS = 3
GHOST = "ghost"  # as GitHub shows an account that was deleted


class Client:
    """Implements the protocol Gateway for one repository.

    `remembered` outlives the process if the caller keeps it: ids, never secrets.  `rate_limiter`
    holds what else the caller sets or keeps: `limits`, `deadline`, `patience` and `queued`.
    """

    def __init__(
        self,
        server: Server,
        repository: tuple[str, str],
        token: Token,
        *,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        capabilities: Capabilities | None = None,
        remembered: MutableMapping[str, str] | None = None,
        etags: Etags | None = None,
        project: Project | None = None,
        status_field: str = "Status",
        actions: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate_limiter = RateLimiter(limits, clock, sleep)
        if is_loopback(server):
            self.rate_limiter.gap = 0.0  # nobody else is kept waiting there
        self.about = error_mapping.About("/".join(repository), server.host, token.source, actions)
        self._caller = Caller(server, token, self.about, self.rate_limiter, etags)
        self.access = Access(
            self._caller,
            QueryPlace(*repository),
            {} if remembered is None else remembered,
            capabilities,
            project,
            status_field,
        )

    @property
    def requests(self) -> int:
        """How many were sent."""
        return self._caller.requests

    @property
    def skew(self) -> float:
        """Seconds by which GitHub's clock is ahead of ours, by its last answer."""
        return self.rate_limiter.skew()

    @property
    def silent(self) -> bool:
        """Whether the server did not answer the last request in time."""
        return self._caller.silent

    @property
    def scopes(self) -> str | None:
        """The scopes of a classic token, as GitHub last named them; None for other tokens."""
        return self._caller.scopes

    def capabilities(self) -> Capabilities:
        """What the server can do.

        Where that can only be tried on an issue and there is none yet, the server gets the
        benefit of the doubt: remember `known_capabilities`, which is None as long as it does.
        """
        return self.access.capabilities()

    @property
    def known_capabilities(self) -> Capabilities | None:
        """What is worth remembering of `capabilities`; None to forget what was remembered."""
        return self.access.known_capabilities()

    def repository(self, newest: int = 1) -> Repository:
        return self.access.preflight(newest)

    def trees(self, parents: Sequence[int]) -> dict[int, Tree | Gone]:
        """Parents with all their sub-issues, ten parents in one request.

        Sub-issues that live in another repository are left out.  Where the server has no
        sub-issues no tree is complete.
        """
        wanted = list(dict.fromkeys(parents))
        if not self.access.has_sub_issues():
            found = self.access.issues(wanted)
            return {
                number: issue if isinstance(issue, Gone) else Tree(issue, (), False)
                for number, issue in found.items()
            }
        if not self.access.has_graphql():
            return {number: self._rest_tree(number) for number in wanted}
        trees: dict[int, Tree | Gone] = {}
        for batch in chunks(wanted, graphql_queries.TREES_AT_ONCE):
            try:
                trees |= self._trees(batch)
            except NoAnswer:
                if len(batch) == 1:
                    raise
                for number in batch:  # too much for one answer, it may be
                    trees |= self._trees([number])
        return trees

    def issues(self, numbers: Sequence[int]) -> dict[int, Issue | Gone]:
        return self.access.issues(numbers)

    def issue_text(self, number: int) -> IssueText | Gone:
        """The words of one issue, by REST: it names the author and the association in one go."""
        data = self.access.rest_data(number)
        return data if isinstance(data, Gone) else self.access.read(mapping.rest_issue_text, data)

    def may_push(self, issue: Issue) -> bool:
        return self.access.may_push(issue)

    def has_comment(self, number: int, words: str) -> bool:
        """Whether a comment of an issue holds `words`; all pages are read."""

        def holds(item: dict[str, Any]) -> bool:
            return words in mapping.member(item, "body", str, "")

        def found(page: list[dict[str, Any]]) -> bool:
            return any(self.access.read(holds, item) for item in page)

        try:
            return found(self.access.items(f"issues/{number}/comments", found))
        except NotFound:
            raise self.access.missing(number) from None

    def find_above(self, number: int, since: str = "", pages: int = PAGES) -> list[Issue]:
        """Every issue whose number is above `number`, the lowest first; no pull requests.

        From the list, not from the search, whose index lags behind.  Newest first, and a number
        is given at creation, so the rest is older once a whole page is not above (assumed: an
        issue moved here keeps its old date, and is passed by where a page holds no other).
        """
        access = self.access
        login = access.login()

        def is_old(page: list[dict[str, Any]]) -> bool:
            if all(access.read(mapping.whole, item, "number") <= number for item in page):
                return True
            made = [access.read(mapping.text, item, "created_at")[:10] for item in page]
            return bool(since) and all(day < since for day in made)

        items = access.items("issues?state=all&sort=created&direction=desc", is_old, pages)
        found: dict[int, Issue] = {}
        for item in items:
            if not mapping.is_pull_request(item):
                issue = access.read(mapping.rest_issue, item, login)
                found[issue.number] = access.judged(issue)
        return [found[n] for n in sorted(found) if n > number]

    def create_parent(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        """By REST, because it takes labels by name and makes those that are not there."""
        return self._create(title, body, labels)

    def create_child(self, parent: Issue, title: str, body: str) -> Issue:
        """Create a sub-issue below `parent`, linked in the same call where the server can.

        Where it cannot and the link fails, this raises UnknownOutcome: the issue is there, to be
        found by its marker and to be adopted.
        """
        if self.access.creates_below():
            child = self._create_below(parent, title, body)
        else:
            child = self._create(title, body, ())
            if not self.access.has_sub_issues():
                return child
        if child.parent == parent.number:
            return child
        try:
            self.adopt(parent, child)
        except GitHubError as error:
            raise self.access.unknown(
                f"#{child.number} was made but not linked below #{parent.number}: {error.message}"
            ) from error
        return child._replace(parent=parent.number)

    def adopt(self, parent: Issue, child: Issue) -> None:
        """Make an existing issue a sub-issue of `parent`; nothing where it is one already.

        Nothing either where the server has no sub-issues: the parent's body lists them there.
        """
        if child.parent == parent.number or not self.access.has_sub_issues():
            return
        for attempt in range(1, _LINK_ATTEMPTS + 1):
            try:
                self._link(parent, child)
                return
            except Invalid:
                # It may be linked already, or another link to the same parent came in between.
                now = self.access.issues([child.number])[child.number]
                if isinstance(now, Issue) and now.parent == parent.number:
                    return
                other = isinstance(now, Issue) and now.parent is not None
                if other or attempt == _LINK_ATTEMPTS or self.rate_limiter.seconds_left() < attempt:
                    raise
                self.rate_limiter.sleep(attempt / 2)

    def apply(self, changes_: Sequence[IssueChange]) -> list[CraftkitError | None]:
        """Make changes, twenty in one request; the error of each, or None.

        Raises nothing: what stops a request is the error of each change in it.
        """
        return issue_changes.apply(self.access, changes_)

    def set_body(self, issue: Issue, body: str) -> None:
        self.access.send(
            "PATCH",
            f"issues/{issue.number}",
            {"body": body},
            mapping.same_issue(issue.number),
            issue.number,
        )

    def reopened_by(self, number: int) -> Reopening | None:
        """Who re-opened an issue last; None where nobody did."""
        if not self.access.has_graphql():
            return self._rest_reopened_by(number)
        document = graphql_queries.last_reopening(self.access.place, number)
        result = self.access.graphql(document, write=False)
        for problem in result.problems:
            if problem.kind == "NOT_FOUND":
                raise self.access.missing(number)
            raise self._caller.error(problem, result.headers, write=False)
        return self.access.read(_reopener, result.data)

    def _trees(self, numbers: Sequence[int]) -> dict[int, Tree | Gone]:
        access = self.access
        result = access.graphql(
            graphql_queries.trees(access.place, numbers, access.shape()), write=False
        )
        found: dict[int, Tree | Gone] = {}
        for number, node in access.by_number(result, numbers, deep=("subIssues",)).items():
            found[number] = node if isinstance(node, Gone) else self._tree(number, node)
        return access.traced(found)

    def _tree(self, number: int, node: Any) -> Tree:
        """A parent and its sub-issues; further pages are asked for, up to a limit."""
        access = self.access
        parent = access.noted(node)
        at = access.read(mapping.repository_of_node, node)
        children: dict[int, Issue] = {}
        page: Any = node.get("subIssues")
        seen = 0
        for _ in range(_CHILD_PAGES):
            if not isinstance(page, dict):
                return Tree(parent, tuple(children.values()), False)
            nodes = access.read(mapping.member, page, "nodes", list)
            for child in nodes:
                if child is None:  # one that this token may not see
                    continue
                seen += 1
                if access.read(mapping.repository_of_node, child) == at:
                    issue = access.noted(child, number)
                    children[issue.number] = issue
            after = access.read(_next_page, page)
            if after is None:
                total = access.read(mapping.member, page, "totalCount", int)
                return Tree(parent, tuple(children.values()), seen >= total)
            page = self._more_children(number, after)
        return Tree(parent, tuple(children.values()), False)

    def _more_children(self, number: int, after: str) -> Any:
        access = self.access
        document = graphql_queries.children(access.place, number, after, access.shape())
        result = access.graphql(document, write=False)
        if result.problems:
            return None
        repository = access.read(mapping.member, result.data, "repository", dict)
        return access.read(mapping.member, repository, "issue", dict).get("subIssues")

    def _rest_tree(self, number: int) -> Tree | Gone:
        access = self.access
        parent = access.rest_issue(number)
        if isinstance(parent, Gone):
            return parent
        try:
            items = access.items(f"issues/{number}/sub_issues", lambda page: False)
        except (IssueGone, NotFound):
            return Tree(parent, (), False)
        login, here = access.login(), access.full_name().lower()
        children = [
            access.read(mapping.rest_issue, item, login)._replace(parent=number)
            for item in items
            if access.read(mapping.repository_of, item) in ("", here)
        ]
        return Tree(parent, tuple({child.number: child for child in children}.values()), True)

    def _create(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        sent: dict[str, Any] = {"title": title, "body": body}
        if labels:
            sent["labels"] = list(labels)
        issue = self.access.send("POST", "issues", sent, mapping.rest_issue)
        self.access.nodes[issue.number] = issue.node_id
        # Whoever made it is we, whatever GitHub thinks of us.
        return issue._replace(trusted=True)

    def _create_below(self, parent: Issue, title: str, body: str) -> Issue:
        access = self.access
        repository = access.repository_id()
        try:
            return self._create_once(repository, parent, title, body)
        except NotFound:  # the parent, or the repository that was remembered
            access.forget("id")
            if access.repository_id() == repository:
                raise access.missing(parent.number) from None
        try:
            return self._create_once(access.repository_id(), parent, title, body)
        except NotFound:
            raise access.missing(parent.number) from None

    def _create_once(self, repository: str, parent: Issue, title: str, body: str) -> Issue:
        access = self.access
        document = graphql_queries.create_issue(
            repository, title, body, parent.node_id, access.shape()
        )
        result = access.graphql(document, write=True)
        payload = result.data.get("createIssue")
        made = payload.get("issue") if isinstance(payload, dict) else None
        if made:
            issue = access.written(mapping.graphql_issue, made)
            access.nodes[issue.number] = issue.node_id
            return issue._replace(trusted=True)
        for problem in result.problems:
            raise self._caller.error(problem, result.headers, write=True)
        raise access.unknown("its answer does not hold the new issue")

    def _link(self, parent: Issue, child: Issue) -> None:
        access = self.access
        if not access.has_graphql():
            tail = f"issues/{parent.number}/sub_issues"
            body = {"sub_issue_id": child.id}
            access.send("POST", tail, body, mapping.anything, parent.number)
            return
        step = graphql_queries.MutationStep(
            "addSubIssue", {"issueId": parent.node_id, "subIssueId": child.node_id}
        )
        result = access.graphql(graphql_queries.mutations([step]), write=True)
        for problem in result.problems:
            error = self._caller.error(problem, result.headers, write=True)
            raise access.missing(child.number) if isinstance(error, NotFound) else error
        access.written(mapping.member, result.data, "c0", dict)

    def _rest_reopened_by(self, number: int) -> Reopening | None:
        events = self.access.items(f"issues/{number}/events", lambda page: False)
        for event in reversed(events):
            if event.get("event") == "reopened":
                return self.access.read(_reopening, event, "node_id")
        return None


def _next_page(page: Any) -> str | None:
    info = mapping.member(page, "pageInfo", dict)
    if not mapping.member(info, "hasNextPage", bool):
        return None
    return mapping.text(info, "endCursor")


def _reopener(data: Any) -> Reopening | None:
    repository = mapping.member(data, "repository", dict)
    issue = mapping.member(repository, "issue", dict)
    nodes = mapping.member(mapping.member(issue, "timelineItems", dict), "nodes", list)
    for node in nodes:
        return _reopening(node, "id")
    return None


def _reopening(event: Any, name: str) -> Reopening:
    login = _login(mapping.member(event, "actor", dict, None))
    return Reopening(login, one_line(mapping.member(event, name, str, ""), 100))


def _login(actor: Any) -> str:
    """A login, cleaned; an account that was deleted has none."""
    return GHOST if actor is None else one_line(mapping.text(actor, "login"), 60)
