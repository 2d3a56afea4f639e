"""The nouns: what a spec file says, as frozen data.  Pure: imports nothing of craftkit."""

from typing import Any, NamedTuple

PHASES = ("requirements", "design", "implementation", "review", "completed")

# Forward one step, or back to rework what a later phase found wanting.
PHASE_EDGES: dict[str, tuple[str, ...]] = {
    "requirements": ("design",),
    "design": ("implementation", "requirements"),
    "implementation": ("review", "design"),
    "review": ("completed", "implementation"),
    "completed": ("review",),
}

TODO, IN_PROGRESS, DONE, DROPPED = "todo", "in_progress", "done", "dropped"


class Diagnostic(NamedTuple):
    """One remark on an input: `severity` is error, warning or info; `code` is stable."""

    severity: str
    code: str
    message: str
    hint: str = ""
    target: str = ""  # "path:line" or ""

    def as_dict(self) -> dict[str, str]:
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "target": self.target,
        }


class Mention(NamedTuple):
    """A number in parentheses, `(#12)`, that is not read as a task's link."""

    number: int
    at: int  # index into `Spec.text` of its `(`


class Task(NamedTuple):
    """One checkbox item of the task section.

    `id` is its identity inside the spec: given once, never read, the same under any key, title
    and place.  `read_as` is what the line itself is known by: the visible key, else `#<issue>`,
    else `~<text digest>.<occurrence>`; a key or issue that two lines share is not an identity, so
    such lines are read as `<key>~<occurrence>`.  A line that is seen first is given that as its id.
    `ref` is what a person types and what JSON calls `key`: the key if unique, else `gh<issue>` if
    unique, else a short id such as `~k3f` (`specs.names`).
    Offsets (`mark_at`, `link_at`, `end_at`) are indexes into `Spec.text`.
    """

    id: str
    ref: str
    key: str | None
    place: int
    title: str
    mark: str
    checked: bool
    started: bool
    optional: bool
    parallel: bool
    group: str | None
    depends_on: tuple[str, ...]  # keys as written in the file
    issue: int | None
    line: int  # 1-based
    mark_at: int
    link_at: int
    end_at: int  # where a link goes, if the one at `link_at` is not the task's
    parent: str | None  # id of the task that this one is a numbered part of (Kiro)
    steps_done: int
    steps_total: int
    read_as: str
    doubt: str = ""  # why it cannot be said whose line this is
    mention: int | None = None  # a number at its end that is not its issue
    others: tuple[Mention, ...] = ()  # numbers in its words besides its link
    struck: bool = False  # its words are struck out


class Unread(NamedTuple):
    """A line that looks like a task and is not read as one."""

    line: int  # 1-based
    at: int  # index into `Spec.text`
    words: str
    is_open: bool
    why: str


# Codes of diagnostics.
NOT_UTF8 = "not_utf8"  # the file is in an encoding that craftkit reads and never writes
MERGE_CONFLICT = "conflict_markers"  # lines of the file are a conflict that nobody has resolved
IN_METADATA = "conflict_in_metadata"  # such lines are part of what the file says of the spec


class Hunk(NamedTuple):
    """The lines of a merge conflict, markers included, counted from 1."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"lines {self.first} to {self.last}"


class Spec(NamedTuple):
    """What one spec file says.  `text` is the file decoded with surrogateescape, unchanged."""

    id: str
    name: str
    phase: str | None  # None: this dialect's files do not say
    issue: int | None
    branch: str | None
    pr: str | None
    path: str  # as given to parse(), "/" separators, relative to the worktree where possible
    dialect: str
    digest: str  # sha256 hex of the file's bytes
    text: str
    tasks: tuple[Task, ...]
    criteria_done: int  # checkboxes outside the task section: shown, never synced
    criteria_total: int
    diagnostics: tuple[Diagnostic, ...]
    says_id: bool = True  # the file states its id; else it comes from the path
    twin_of: str = ""  # the file whose id this one repeats
    hunks: tuple[Hunk, ...] = ()  # merge conflicts that are left in the file
    unmerged: tuple[Task, ...] = ()  # tasks that a conflict touches, each once; not among `tasks`
    unread: tuple[Unread, ...] = ()  # boxes that are neither tasks nor anything else
    has_metadata: bool = True

    @property
    def done(self) -> int:
        return sum(1 for task in self.tasks if task.checked)

    @property
    def blocked_by(self) -> Diagnostic | None:
        """The diagnostic that forbids every edit of this spec, if there is one."""
        return next((d for d in self.diagnostics if d.code in (IN_METADATA, NOT_UTF8)), None)

    @property
    def unread_open(self) -> tuple[Unread, ...]:
        return tuple(one for one in self.unread if one.is_open)

    @property
    def is_document(self) -> bool:
        """Whether the file lies among specs and says nothing of being one."""
        said = self.has_metadata or self.tasks or self.unmerged or self.unread or self.hunks
        is_text = all(d.code not in (NOT_UTF8, "nul_bytes") for d in self.diagnostics)
        return self.dialect == "craftkit" and is_text and not said

    @property
    def conflict(self) -> Diagnostic | None:
        """The diagnostic of the first merge conflict that is left in the file."""
        codes = (IN_METADATA, MERGE_CONFLICT)
        return next((d for d in self.diagnostics if d.code in codes), None) if self.hunks else None


class Session(NamedTuple):
    """Who is at work: session id, agent name, worktree root, branch and commit."""

    id: str
    agent: str
    worktree: str
    branch: str | None
    head: str | None
    actor: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "session": self.id,
            "agent": self.agent,
            "worktree": self.worktree,
            "branch": self.branch,
            "head": self.head,
        }
