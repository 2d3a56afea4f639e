"""Every error that craftkit raises on purpose: a sentence, a hint and an exit code.

An error names a fact.  `code` is stable snake_case for programs, `kind` is the error class of a
process step (validation, timeout, network, auth, system, rate_limit, conflict) and `retryable`
says whether running the same step again can help.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DRIFT = 3
EXIT_AUTH = 4
EXIT_ATTENTION = 5
EXIT_CLAIMED = 6
EXIT_UNDELIVERED = 7
EXIT_INTERRUPTED = 130


class CraftkitError(Exception):
    """Base of all expected failures: shown as one sentence and one `hint:` line."""

    code = "failed"
    exit_code = EXIT_FAILED
    kind = "system"
    retryable = False

    def __init__(self, message: str, hint: str = "", target: str = "") -> None:
        super().__init__(message)
        self.message = message if message.endswith((".", "?", "!")) else f"{message}."
        self.hint = hint
        self.target = target


class UsageProblem(CraftkitError):
    """The command line asks for something that cannot be done as asked."""

    code = "usage"
    exit_code = EXIT_USAGE
    kind = "validation"


class NotSetUp(UsageProblem):
    """No `.craftkit` directory is in sight."""

    code = "not_set_up"


class CopiedClone(NotSetUp):
    """The private state that lies here is another clone's: this is a copy of it."""

    code = "copied_clone"


class OldState(NotSetUp):
    """The private state is where earlier versions kept it, and has to be moved first."""

    code = "old_state"


class NotAgreed(UsageProblem):
    """The clone or the environment asks for more than a person has agreed to."""

    code = "not_agreed"


class ForeignState(CraftkitError):
    """The private state of this clone belongs to another user."""

    code = "foreign_state"
    exit_code = EXIT_AUTH


class GitDirectoryMissing(CraftkitError):
    """`.git` names a directory that is not there, in a container for example."""

    code = "git_directory_missing"


class BadConfig(UsageProblem):
    """`.craftkit/config.yaml` cannot be understood."""

    code = "bad_config"


class UnknownTask(UsageProblem):
    code = "unknown_task"


class AmbiguousTask(UsageProblem):
    code = "ambiguous_task"


class UnknownSpec(UsageProblem):
    code = "unknown_spec"


class AmbiguousSpec(UsageProblem):
    code = "ambiguous_spec"


class NoTaskInProgress(UsageProblem):
    code = "no_current_task"


class TaskNotNamed(UsageProblem):
    """A command that changes a task does not say which; it does not guess."""

    code = "task_not_named"


class AnotherTaskInProgress(UsageProblem):
    """This session is still at work on a different task."""

    code = "another_task_in_progress"


class IllegalPhase(UsageProblem):
    """The phase change is not an edge of the phase graph, or its gate is shut."""

    code = "illegal_phase"


class SpecNeedsAttention(CraftkitError):
    """The spec file is in a state that only a person can settle (conflict markers, say)."""

    code = "spec_needs_attention"
    exit_code = EXIT_ATTENTION
    kind = "conflict"


class TaskClaimed(CraftkitError):
    """Another live session holds the task."""

    code = "task_claimed"
    exit_code = EXIT_CLAIMED
    kind = "conflict"


class FileChanged(CraftkitError):
    """The file is no longer what it was when the edit was planned."""

    code = "file_changed"
    kind = "conflict"
    retryable = True


class UnsafePath(CraftkitError):
    """The path leaves its root, or leads through a symlink, or is not a regular file."""

    code = "unsafe_path"
    kind = "validation"


class CannotWrite(CraftkitError):
    """The operating system refuses to write (read-only, no space, no permission)."""

    code = "cannot_write"
    retryable = True


class CannotRead(CraftkitError):
    code = "cannot_read"


class DatabaseUnusable(CraftkitError):
    """The database is damaged or is not a database."""

    code = "database_unusable"


class DatabaseUnwritable(CraftkitError):
    """The database cannot be written here: the intent goes to the spool instead."""

    code = "database_unwritable"
    retryable = True


class DatabaseNewer(UsageProblem):
    """A newer craftkit wrote this database."""

    code = "database_newer"


class AlreadyRecorded(CraftkitError):
    """Another craftkit took in the same spooled decision at the same time."""

    code = "already_recorded"
    kind = "conflict"


class UnknownProcess(UsageProblem):
    code = "unknown_process"


class UnexpectedStep(CraftkitError):
    """A recorded process has other steps than the code that should resume it."""

    code = "unexpected_step"
    kind = "validation"


class ConcurrentUpdate(CraftkitError):
    """Another session decided on this task between our look at it and our decision."""

    code = "overtaken"
    kind = "conflict"
    retryable = True
