"""The one door to GitHub: what craftkit asks of it, and what can go wrong.

Everything but creation is idempotent.  A creation whose answer was lost raises UnknownOutcome and
is never repeated here: whoever asked looks for the marker first (see `find_above`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from craftkit.errors import EXIT_AUTH, CraftkitError

OPEN, CLOSED = "open", "closed"
PAGES = 20  # of a hundred items, of one list; then it is not taken for complete
PULL_REQUEST = "a pull request"
COMPLETED, NOT_PLANNED, DUPLICATE = "completed", "not_planned", "duplicate"

# What may be changed on an issue that exists; each is safe to repeat.
CHANGES = ("close", "reopen", "label", "unlabel", "title", "comment", "status", "block")


class Issue(NamedTuple):
    """One issue as GitHub has it; text fields are data, never to be trusted."""

    number: int
    id: int  # the database id, beyond 2^31; sub-issue calls want this one
    node_id: str
    title: str
    state: str  # OPEN or CLOSED
    reason: str | None  # of being closed: COMPLETED, NOT_PLANNED or DUPLICATE
    labels: tuple[str, ...]
    body: str
    updated_at: str  # ISO 8601, UTC
    trusted: bool  # it is ours, or its author may push: its marker counts
    parent: int | None  # number, where known and in the same repository
    url: str
    closed_at: str | None = None  # ISO 8601, UTC
    author: str = ""  # login; "" where the account is gone
    by_member: bool = False  # of the organisation, or a collaborator: they may perhaps push


class Tree(NamedTuple):
    """A parent and its sub-issues; `complete` is False where a page was missing."""

    parent: Issue
    children: tuple[Issue, ...]
    complete: bool


class IssueText(NamedTuple):
    """What people wrote on an issue: to be shown on request, never to be acted on."""

    number: int
    author: str  # login; "" where the account is gone
    association: str  # of the author with the repository, in GitHub's words: OWNER, NONE, …
    state: str  # OPEN or CLOSED
    title: str
    body: str


class Gone(NamedTuple):
    """An issue that is not there any more (404, 410) or has been moved elsewhere (301)."""

    number: int
    why: str  # "deleted", "moved", "not found" or PULL_REQUEST
    to: str = ""  # OWNER/NAME#NUMBER of one that was transferred, if known


class Reopening(NamedTuple):
    """Who re-opened an issue, and which time that was."""

    login: str  # `ghost` for a deleted account
    event: str  # GitHub's node id of it: two may have the same second


class IssueChange(NamedTuple):
    """One field of one issue.

    `value` is the reason of a close, the name of a label, a title, the text of a comment, the
    name of a project status, or the number of the blocking issue.  `leaves` are the reasons of
    which an issue that is closed already keeps its own: the error is ClosedOtherwise then.
    """

    number: int
    node_id: str  # "" where not known: it is looked up then
    kind: str  # one of CHANGES
    value: str = ""
    leaves: tuple[str, ...] = ()


class Glimpse(NamedTuple):
    """What is seen of an issue in passing."""

    number: int
    created_at: str  # ISO 8601, UTC
    body: str


class Repository(NamedTuple):
    """What must be known before the first write."""

    full_name: str
    node_id: str
    login: str  # as whom we write
    permission: str  # ADMIN, MAINTAIN, WRITE, TRIAGE, READ or ""
    private: bool
    archived: bool
    has_issues: bool
    highest: int  # the highest issue number in use, 0 for none
    newest: tuple[Glimpse, ...] = ()  # some of the newest issues, the last one first
    more: bool = True  # there are, or may be, older ones than those


class Capabilities(NamedTuple):
    """What this server can do; probed once and remembered."""

    graphql: bool
    sub_issues: bool
    dependencies: bool


class Gateway(Protocol):
    """Everything that craftkit does on GitHub.  All methods raise the errors below."""

    @property
    def requests(self) -> int:
        """How many were sent."""

    @property
    def skew(self) -> float:
        """Seconds by which the server's clock is ahead of ours, by its last answer."""

    def capabilities(self) -> Capabilities: ...

    def repository(self, newest: int = 1) -> Repository:
        """The repository, with up to `newest` (1 to 100) of its last issues."""

    def trees(self, parents: Sequence[int]) -> dict[int, Tree | Gone]:
        """Parents with all their sub-issues, some ten parents in one request."""

    def issues(self, numbers: Sequence[int]) -> dict[int, Issue | Gone]:
        """Single issues, some fifty in one request."""

    def issue_text(self, number: int) -> IssueText | Gone:
        """The words of one issue, and whose they are."""

    def may_push(self, issue: Issue) -> bool:
        """Whether the issue is ours, or its author may push to the repository."""

    def has_comment(self, number: int, words: str) -> bool:
        """Whether a comment of an issue holds `words`."""

    def find_above(self, number: int, since: str = "", pages: int = PAGES) -> list[Issue]:
        """Every issue whose number is above `number`, the lowest first.

        With `since` (YYYY-MM-DD), those that are older may be left out.  Raises ListTooLong if
        they are on more than so many `pages` of a hundred.
        """

    def create_parent(self, title: str, body: str, labels: Sequence[str]) -> Issue: ...

    def create_child(self, parent: Issue, title: str, body: str) -> Issue:
        """Create a sub-issue below `parent`, linked in the same call where the server can."""

    def adopt(self, parent: Issue, child: Issue) -> None:
        """Make an existing issue a sub-issue of `parent`, where the server has those."""

    def apply(self, changes: Sequence[IssueChange]) -> list[CraftkitError | None]:
        """Make changes, in one request where the server can; the error of each, or None."""

    def set_body(self, issue: Issue, body: str) -> None: ...

    def reopened_by(self, number: int) -> Reopening | None:
        """Who re-opened an issue last; None: nobody did."""


class GitHubError(CraftkitError):
    """Something that GitHub, or the way to it, answered."""

    code = "github_failed"


class NoToken(GitHubError):
    code, exit_code, kind = "no_token", EXIT_AUTH, "auth"


class BadCredentials(GitHubError):
    """401: the token is wrong, expired or revoked."""

    code, exit_code, kind = "bad_credentials", EXIT_AUTH, "auth"


class Forbidden(GitHubError):
    """403 without a limit: a permission, a scope or an SSO authorisation is missing."""

    code, exit_code, kind = "forbidden", EXIT_AUTH, "auth"


class NotFound(GitHubError):
    """404: it is not there, or this token may not see it."""

    code, exit_code, kind = "not_found", EXIT_AUTH, "auth"


class IssueGone(GitHubError):
    """410, 301, or a 404 in a repository that can be seen: deleted or moved."""

    code, kind = "issue_gone", "conflict"


class RepositoryAway(GitHubError):
    """The repository cannot be seen, or has no issues now: what is queued waits."""

    code, kind = "repository_away", "external"


class ParentGone(GitHubError):
    """The parent below which an issue is to be made is not there: what is queued waits."""

    code, kind = "parent_gone", "conflict"


class Invalid(GitHubError):
    """422 or 400: GitHub refuses the content."""

    code, kind = "invalid", "validation"


class ParentFull(Invalid):
    """A parent has all the sub-issues that it can have."""


class ClosedOtherwise(Invalid):
    """The issue was closed already, and GitHub keeps the reason that it was closed with then."""

    def __init__(self, reason: str, hint: str = "") -> None:
        words = f"GitHub keeps it closed as {reason.replace('_', ' ')}."
        super().__init__(words, hint or "re-open it on GitHub and close it there as it should be")
        self.reason = reason


class RateLimited(GitHubError):
    """403 or 429 for a limit.  `until` (seconds since 1970) is when the next request may go."""

    code, kind, retryable = "rate_limited", "rate_limit", True

    def __init__(self, message: str, hint: str = "", *, until: float) -> None:
        super().__init__(message, hint)
        self.until = until


class Unreachable(GitHubError):
    """The request certainly did not arrive (no route, refused, no name, TLS failed)."""

    code, kind, retryable = "unreachable", "network", True


class UnknownOutcome(GitHubError):
    """The request may have been carried out: timeout, reset, 5xx or an unreadable answer."""

    code, kind, retryable = "unknown_outcome", "timeout", True


class NoAnswer(GitHubError):
    """A read that got no usable answer however often it was asked; nothing was changed."""

    code, kind, retryable = "no_answer", "timeout", True


class ListTooLong(NoAnswer):
    """A list has more pages than are read; a part of it is not taken for the whole."""
