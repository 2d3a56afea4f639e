"""`reconcile --job`: every spec, without a question, for cron, systemd timers and GitHub Actions.

A checkout of GitHub Actions is thrown away when the job ends.  What was changed in its spec files
and not pushed is therefore forgotten in the database as well: else the next run, with the old
file and the new base, would take an open box for an un-ticked one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from craftkit.automation import git_commit
from craftkit.commands import interrupted, recovery
from craftkit.errors import (
    EXIT_ATTENTION,
    EXIT_AUTH,
    EXIT_FAILED,
    EXIT_UNDELIVERED,
    BadConfig,
    CannotWrite,
    CraftkitError,
    UsageProblem,
)
from craftkit.loop import spec_index, ticked_boxes
from craftkit.model import Spec
from craftkit.runtime import clone, locks, log
from craftkit.runtime.context import Context, unreachable_state
from craftkit.store import outbox, tasks
from craftkit.sync import connection, merge_model, reconcile, reconcile_report
from craftkit.text import count, one_line, redact, shell_word

SECONDS = 600.0  # nobody waits for a job, so it may take its time with GitHub's limits
ROWS = 500  # of the summary's table; GitHub shows one megabyte at most
PASSING = ("network", "timeout", "rate_limit")  # kinds of errors that the next run may not meet

Tell = Callable[[str], None]


class JobOptions(NamedTuple):
    policy: merge_model.Policy = merge_model.Policy()
    max_writes: int | None = None
    commit: bool = False
    push: bool = False


class JobResult(NamedTuple):
    """What one job did."""

    busy: bool = False  # another job was at work, so this one did nothing
    specs: tuple[Spec, ...] = ()  # as they were before
    local: tuple[tuple[str, str], ...] = ()  # spec id and what was repaired without GitHub
    reports: tuple[reconcile_report.SpecReport, ...] = ()
    errors: tuple[tuple[str, CraftkitError], ...] = ()  # spec id or "" for all of them
    sent: dict[str, int] = {"queued": 0, "dead": 0}  # noqa: RUF012 - never changed
    requests: int = 0
    changed: tuple[str, ...] = ()  # spec files
    commit: git_commit.CommitOutcome = git_commit.CommitOutcome()
    kept: bool = True  # False: the changed files go away with this checkout


def run(context: Context, options: JobOptions, tell: Tell) -> tuple[dict[str, Any], int]:
    """Settle what can be settled; data and exit code.

    Raises UsageProblem or CannotWrite where a job cannot work at all.
    """
    if context.standing != clone.ON:
        raise unreachable_state(context.repo, context.standing)
    context.require_github()
    if options.commit and context.repo.git_dir is None:
        raise UsageProblem("There is no git repository to commit to.", "leave out `--commit`")
    with _single_flight(context) as free:
        if not free:
            _say(context, tell, "info", "another job is at work here; this one has nothing to do")
            return as_dict(JobResult(busy=True)), 0
        result = _work(context, options)
        code = exit_code(result)
        _report(context, tell, result, code)
        _write_summary(context, tell, result, code)
        return as_dict(result), code


@contextlib.contextmanager
def _single_flight(context: Context) -> Iterator[bool]:
    """False while another job of this repository runs; its end, however it comes, frees it."""
    path = os.path.join(context.state_dir, "job.lock")
    try:
        descriptor = locks.acquire(path, wait=False)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}).",
            f"check the permissions of {context.state_dir}",
        ) from error
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _work(context: Context, options: JobOptions) -> JobResult:
    if not context.store.durable:
        raise CannotWrite(
            "The database cannot be written here.", f"check the permissions of {context.state_dir}"
        )
    before = spec_index.load_all(context)
    bases = tasks.bases(context.store)
    clean_files = git_commit.clean(context, [s.path for s in before]) if options.commit else set()
    local, errors = _settle_here(context, before)
    specs, unreadable = _load(context, [s for s in before if s.id not in {i for i, _ in errors}])
    reports, requests, failed = _settle_there(context, specs, options)
    errors += [*unreadable, *failed, *_unapplied(context)]
    after, _ = _load(context, before)
    changed = _changed(before, after)
    commit, kept = git_commit.CommitOutcome(), True
    if options.commit:
        commit = git_commit.commit(context, changed, clean_files, options.push)
    if changed and context.env.get("GITHUB_ACTIONS") == "true":
        kept = commit.pushed and not commit.left
        if not kept:
            _forget(context, before, after, bases)
    counts = outbox.counts(context.store).as_dict()
    facts = (tuple(reports), tuple(errors), counts, requests, tuple(changed), commit, kept)
    return JobResult(False, tuple(before), tuple(local), *facts)


def _load(
    context: Context, specs: Sequence[Spec]
) -> tuple[list[Spec], list[tuple[str, CraftkitError]]]:
    """The specs as their files are now."""
    found, errors = [], []
    for spec in specs:
        try:
            found.append(spec_index.load(context, spec.path))
        except CraftkitError as error:
            errors.append((spec.id, error))
    return found, errors


def _settle_here(
    context: Context, specs: Sequence[Spec]
) -> tuple[list[tuple[str, str]], list[tuple[str, CraftkitError]]]:
    """The local half of the merge.  What it queues is sent afterwards, in batches."""
    offline, context.offline = context.offline, True
    notes: list[tuple[str, str]] = []
    errors: list[tuple[str, CraftkitError]] = []
    try:
        notes += [("", note["message"]) for note in recovery.repair(context)]
        for spec in specs:
            if spec.blocked_by is not None:
                continue
            try:
                found = ticked_boxes.record_ticked_boxes(
                    context, spec_index.load(context, spec.path)
                )
                notes += [(spec.id, note["message"]) for note in found]
            except CraftkitError as error:
                errors.append((spec.id, error))
    finally:
        context.offline = offline
    context.diagnostics[:] = [
        d for d in context.diagnostics if d.code not in ("queued", interrupted.WAITS)
    ]
    notes += [("", note["message"]) for note in interrupted.resume_waiting(context)]
    return notes, errors


def _settle_there(
    context: Context, specs: Sequence[Spec], options: JobOptions
) -> tuple[list[reconcile_report.SpecReport], int, list[tuple[str, CraftkitError]]]:
    """GitHub's half: all specs in one go, or each alone where one of them is in the way."""

    def settle(some: Sequence[Spec]) -> reconcile_report.ReconcileReport:
        most = options.max_writes
        return reconcile.run(context, some, options.policy, max_writes=most, seconds=SECONDS)

    report = settle(specs)
    if report.failed is None:
        return list(report.specs), report.requests, []
    if report.failed.kind in (*PASSING, "auth") or isinstance(report.failed, BadConfig):
        return [], 0, [("", report.failed)]
    reports: list[reconcile_report.SpecReport] = []
    requests, errors = 0, []
    for spec in specs:
        one = settle([spec])
        reports += one.specs
        requests += one.requests
        if one.failed is not None:
            errors.append((spec.id, one.failed))
    return reports, requests, errors


def _unapplied(context: Context) -> list[tuple[str, CraftkitError]]:
    """Decisions that are recorded, but whose file could not be changed."""
    codes = ("recorded_not_applied", "process_unfinished")
    found = [d for d in context.diagnostics if d.code in codes]
    context.diagnostics[:] = [d for d in context.diagnostics if d.code not in codes]
    return [("", CraftkitError(d.message, d.hint)) for d in found]


def _changed(before: Sequence[Spec], after: Sequence[Spec]) -> list[str]:
    now = {spec.path: spec.digest for spec in after}
    return [s.path for s in before if now.get(s.path, s.digest) != s.digest]


# The base of files that are not kept


Bases = dict[tuple[str, str], tasks.TaskBase]


def _forget(context: Context, before: Sequence[Spec], after: Sequence[Spec], bases: Bases) -> None:
    """Set the base of every box that was changed here back to what the kept file says."""
    boxes = {(s.id, t.id): t.checked for s in before for t in s.tasks}
    places = [
        (spec.id, task.id)
        for spec in after
        for task in spec.tasks
        if boxes.get((spec.id, task.id), task.checked) != task.checked
    ]
    found = [(p, bases.get(p, tasks.TaskBase(int(boxes[p]), 0, None))) for p in places]
    with context.store.write() as tx:
        tasks.restore(tx, found)


# What is said


def exit_code(result: JobResult) -> int:
    """0 in step, 4 authentication, 5 a person is needed, 1 failed or given up, 7 still queued."""
    errors = [error for _, error in result.errors]
    if any(error.exit_code == EXIT_AUTH for error in errors):
        return EXIT_AUTH
    doubtful = any(r.plan.stopped or r.plan.conflicts for r in result.reports)
    if doubtful or result.commit.refused or any(e.exit_code == EXIT_ATTENTION for e in errors):
        return EXIT_ATTENTION
    queued = result.sent["queued"]
    if result.sent["dead"] or result.commit.error is not None:
        return EXIT_FAILED
    if any(not (queued and error.kind in PASSING) for error in errors):
        return EXIT_FAILED
    return EXIT_UNDELIVERED if queued else 0


def _say(context: Context, tell: Tell, level: str, text: str, **data: Any) -> None:
    """One line with the time in UTC, and the same in the structured log."""
    text = one_line(redact(text), 500)
    tell(f"{context.now()[:19]}Z {level:<9} {text}")
    log.write(context, "warning" if level == "attention" else level, "job", text, data)


def _report(context: Context, tell: Tell, result: JobResult, code: int) -> None:
    for spec_id, message in result.local:
        _say(context, tell, "info", f"{spec_id}: {message}" if spec_id else message, spec=spec_id)
    for spec_id, error in result.errors:
        where = f"{spec_id}: " if spec_id else ""
        hint = f" ({error.hint})" if error.hint else ""
        _say(context, tell, "error", f"{where}{error.message}{hint}", code=error.code)
    for item in result.reports:
        _report_spec(context, tell, item)
    for level, text in _commit_lines(result):
        _say(context, tell, level, text)
    why = _in_git(result).partition(":")[0]  # a line of its own has told all of it
    ending = f"exit {code} ({why})" if why else f"exit {code}"
    _say(context, tell, "info", f"{_totals(result)}; {ending}", requests=result.requests)


def _report_spec(context: Context, tell: Tell, item: reconcile_report.SpecReport) -> None:
    name, plan = item.spec.id, item.plan
    for action in _shown(item):
        words = f"{name}: {reconcile_report.verb(item, action)} {reconcile_report.label(action)}"
        _say(context, tell, "info", words, action=action.kind, issue=action.issue)
    for conflict in plan.conflicts:
        commands = " or ".join(reconcile_report.named(name, conflict.commands))
        words = f"{name}: {conflict.message}: {commands}"
        _say(context, tell, "attention", words, attention=conflict.code, issue=conflict.issue)
    if plan.stopped:
        why, hint = reconcile_report.stop_reason(item)
        if plan.overridable:
            hint = f"see `craftkit reconcile --spec {shell_word(name)}`"
        _say(context, tell, "attention", f"{name}: stopped: {why}; {hint}")
    missing, orphans = reconcile_report.unmatched(item, item.applied)
    if missing:
        words = f"{name}: {count(len(missing), 'task has', 'tasks have')} no issue"
        words += ": `craftkit spec link`"
        _say(context, tell, "info", words)
    if orphans:
        words = f"{name}: {count(len(orphans), 'sub-issue has', 'sub-issues have')} no task"
        words += ": `craftkit reconcile --adopt`"
        _say(context, tell, "info", words)


def _shown(item: reconcile_report.SpecReport) -> list[merge_model.Action]:
    return [a for a in item.plan.actions if item.applied and a.kind in reconcile_report.VERBS]


def _commit_lines(result: JobResult) -> list[tuple[str, str]]:
    commit, lines = result.commit, []
    if commit.sha:
        pushed = " and pushed" if commit.pushed else ""
        specs = count(len(commit.files), "spec")
        lines.append(("info", f"committed{pushed} {commit.sha[:12]}: {specs}"))
    elif commit.pushed:
        lines.append(("info", "pushed what an earlier job committed"))
    if commit.refused:
        lines.append(("attention", f"not {commit.refused}"))
    if commit.error is not None:
        lines.append(("error", f"{commit.error.message} ({commit.error.hint})"))
    if not result.kept:
        words = "run `craftkit reconcile` in a clone, or let the job commit and push"
        gone = count(len(result.changed), "changed spec goes", "changed specs go")
        lines.append(("info", f"{gone} away with this checkout: {words}"))
    return lines


def _totals(result: JobResult) -> str:
    done = sum(len(_shown(item)) for item in result.reports) + len(result.local)
    conflicts = sum(len(r.plan.conflicts) + bool(r.plan.stopped) for r in result.reports)
    return (
        f"{count(len(result.specs), 'spec')}, {done} settled, {count(conflicts, 'needs', 'need')}"
        " attention,"
        f" {len(result.errors)} failed, {result.sent['queued']} queued, {result.sent['dead']} dead"
    )


def _in_git(result: JobResult) -> str:
    """What git, or the state it is in, forbade: no figure shows it."""
    commit = result.commit
    if commit.refused:
        return f"not {commit.refused}"
    return commit.error.message.rstrip(".") if commit.error is not None else ""


def _write_summary(context: Context, tell: Tell, result: JobResult, code: int) -> None:
    """Append to the page that GitHub Actions shows for the run."""
    path = context.env.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8", errors="replace") as file:
            file.write("\n".join(summary(result, code)) + "\n\n")
    except OSError as error:
        _say(context, tell, "info", f"the summary cannot be written ({error.strerror})")


def summary(result: JobResult, code: int) -> list[str]:
    """A table in Markdown: ids, keys, numbers and states, and no text that came from GitHub."""
    rows: list[tuple[str, str, str, str]] = []
    for item in result.reports:
        name = item.spec.id
        rows += [
            (name, a.ref, _number(a.issue), reconcile_report.verb(item, a)) for a in _shown(item)
        ]
        rows += [
            (name, d.ref, _number(d.issue), "attention " + d.code) for d in item.plan.conflicts
        ]
        if item.plan.stopped:
            rows.append((name, "", "", "stopped"))
    rows += [(spec_id, "", "", f"failed {error.code}") for spec_id, error in result.errors]
    why = _escaped(_in_git(result))
    ending = f"exit {code} ({why})" if why else f"exit {code}"
    lines = ["### craftkit", "", f"{_totals(result)}; {ending}"]
    if rows:
        lines += ["", "| Spec | Task | Issue | What |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows[:ROWS]]
    if len(rows) > ROWS:
        lines += ["", f"and {len(rows) - ROWS} more"]
    return lines


def _number(issue: int | None) -> str:
    return f"#{issue}" if issue else ""


def _escaped(text: str) -> str:
    """`text` for a cell: entities for all that Markdown, HTML or a mention could be made of."""
    keep = " -"
    return "".join(c if c.isalnum() or c in keep else f"&#{ord(c)};" for c in one_line(text, 120))


def as_dict(result: JobResult) -> dict[str, Any]:
    report = reconcile_report.ReconcileReport(
        result.reports,
        connection.DeliveryStatus(result.sent["queued"], result.sent["dead"]),
        result.requests,
    )
    return reconcile_report.as_dict(report) | {
        "busy": result.busy,
        "failed": [
            {
                "spec": spec_id or None,
                "code": e.code,
                "message": redact(e.message),
                "hint": redact(e.hint),
            }
            for spec_id, e in result.errors
        ],
        "repaired": [{"spec": s or None, "message": m} for s, m in result.local],
        "changed": list(result.changed),
        "commit": result.commit.sha or None,
        "pushed": result.commit.pushed,
        "kept": result.kept,
    }
