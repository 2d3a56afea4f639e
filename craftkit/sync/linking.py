"""`spec link`: a parent issue for a spec and a Sub Issue for each task, made once.

What is to be made is written to the outbox in one transaction, parents before children; the drain
makes the issues and remembers their numbers; then ` (#N)` is written to the task lines.  Killed
anywhere, the next `spec link`, `reconcile` or `session-resume` goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from craftkit.errors import SpecNeedsAttention, UsageProblem
from craftkit.github import gateway as gh
from craftkit.loop import conflicts, issue_pages, process_runner, spec_identity, spec_index
from craftkit.loop.decisions import LinkDecision
from craftkit.loop.github_writes import issue_title
from craftkit.loop.process_runner import ProcessStep
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import issues, outbox, tasks
from craftkit.store import issues as table
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import (
    connection,
    destination,
    discovery,
    links,
    markers,
    merge_model,
    ownership,
    reconcile,
)
from craftkit.sync.context import SyncContext
from craftkit.sync.link_plan import LinkPlan, plan_links
from craftkit.text import count, looks_secret, one_line

KIND = "spec link"
SECONDS = 3600.0  # linking a long spec takes a second for each task


class StrangeNumber(NamedTuple):
    """A number in the line of a task without an issue, which is an issue of something else."""

    task: Task
    number: int
    title: str  # GitHub's: for people, never to be acted on
    author: str  # login; "" if the account is gone
    spec: str  # another spec whose marker it carries; ""


class Numbers(NamedTuple):
    """What the numbers in the lines of a spec are, if not the issues of their tasks."""

    strange: tuple[StrangeNumber, ...] = ()  # for a person to look at
    mentions: ownership.Mentions = ownership.Mentions()

    def in_spec(self, spec: Spec) -> Spec:
        return edit.with_mentions(spec, self.mentions.has)


def _look(
    context: Context, spec: Spec, dry: bool, take: Sequence[int]
) -> tuple[gh.Repository | None, Numbers]:
    """The repository, and in the database what is there of the spec; None if nobody answers."""
    try:
        if context.offline:
            raise gh.Unreachable("`--offline` was given")
        with connection.github_session(context, SECONDS) as sync:
            repository = preflight(context, sync)
            found = _read_numbers(context, sync, spec, take)
            discovery.rediscover_issues(context, sync, found.in_spec(spec), repository)
            return repository, found
    except gh.GitHubError as error:
        if dry:
            context.note(
                "warning",
                "not_asked",
                f"GitHub was not asked what is there already: {error.message.rstrip('.')}.",
                "issues that were made before would be found again, not made twice",
            )
            return None, Numbers()
        if isinstance(error, gh.Unreachable):
            error.hint = "run `craftkit spec link` again when it can be reached"
        raise


def _read_numbers(context: Context, sync: SyncContext, spec: Spec, take: Sequence[int]) -> Numbers:
    """Ask whose the numbers are that lines carry, and remember which are not the spec's.

    Raises UsageProblem for a number to take that cannot be a task's.
    """
    repo = sync.settings.repo
    lines = {n: t for t in spec.tasks if (n := t.issue or t.mention) is not None and not t.doubt}
    _refuse_to_take(spec, [n for n in take if n not in lines and n != spec.issue])
    owners = {
        k.number: k.task_id
        for k in issues.of_spec(context.store, repo, spec.id)
        if k.task_id is not None
    }
    strange = [n for n in lines if n not in owners]
    asked = sorted({*strange, *([spec.issue] if spec.issue is not None else [])})
    if not strange:
        return Numbers()
    answers = sync.gateway.issues(asked)
    for number in take:
        answer = answers.get(number)
        if isinstance(answer, gh.Gone):
            raise UsageProblem(
                f"#{number} is {answer.why}, so it cannot be the issue of a task.",
                f"take (#{number}) out of its line, or leave `--take {number}` away",
                spec.path,
            )
    parents = {spec.issue} - {None}
    found = ownership.mentioned(spec, owners, {n for n in parents if n is not None}, answers)
    mentioned = (found.strange | issues.prose(context.store, repo, spec.id)) - {*take}
    with context.store.write() as tx:
        issues.set_prose(tx, repo, spec.id, mentioned, context.now())
        wrong = {(lines[n].id, n) for n in strange if n in mentioned} | found.misplaced
        issues.disown(tx, spec.id, [pair for pair in wrong if pair[1] not in take])
    context.specs_read.pop(spec.path, None)
    shown = tuple(
        StrangeNumber(lines[n], n, one_line(issue.title, 60), issue.author, _spec_of(issue, spec))
        for n in strange
        if n in mentioned and isinstance(issue := answers.get(n), gh.Issue)
    )
    misplaced = frozenset(pair for pair in found.misplaced if pair[1] not in take)
    return Numbers(shown, ownership.Mentions(found.strange - {*take}, misplaced))


def _spec_of(issue: gh.Issue, spec: Spec) -> str:
    marker = markers.find(issue.body) if issue.trusted else None
    return one_line(marker.spec, 60) if marker is not None and marker.spec != spec.id else ""


def _refuse_to_take(spec: Spec, numbers: Sequence[int]) -> None:
    if numbers:
        raise UsageProblem(
            f"No task line of {spec.path} carries #{numbers[0]}.",
            f"write (#{numbers[0]}) at the end of the task's line first",
            spec.path,
        )


def preflight(context: Context, sync: SyncContext) -> gh.Repository:
    """Look before the first write.  Raises where this repository should not be written to."""
    seen: gh.Repository = sync.gateway.repository(discovery.PAGE)
    name = str(context.config["github.repo"])
    if seen.archived:
        raise SpecNeedsAttention(
            f"{name} is archived on GitHub.", "unarchive it, or set github.repo"
        )
    if not seen.has_issues:
        raise SpecNeedsAttention(
            f"Issues are switched off in {name}.",
            f"switch them on in the repository's settings{destination.instead(context)}",
        )
    other = destination.other_remote(context)
    if other is not None:
        raise UsageProblem(*other)
    box = KeyValueCache(context.store, sync.settings.repo, context.now())
    box["highest"] = str(seen.highest)
    return seen


class LinkProposal(NamedTuple):
    """What `spec link` is about to do, for a person to agree to."""

    spec: Spec
    making: LinkPlan
    repository: gh.Repository | None  # None where it was not asked
    waiting: int = 0  # issues that an earlier linking has queued
    mentions: tuple[StrangeNumber, ...] = ()  # numbers that nobody has said to be links
    taken: tuple[int, ...] = ()  # those that a person has said to be

    def is_empty(self) -> bool:
        return not (self.making.parents or self.making.children or self.making.adopted)


def propose(
    context: Context, wanted_spec: str | None, *, dry: bool = False, take: Sequence[int] = ()
) -> LinkProposal:
    """Read the spec and the repository; sends nothing.  Raises UsageProblem, NoToken …

    A number in a line is a link if its issue is the task's, or if a person says so: `take`.
    Where it is only to be shown, it is shown also without an answer from GitHub.
    """
    context.require_github()
    spec = spec_index.choose_spec(context, wanted_spec).spec
    edit.refuse_unmerged(spec, "link")
    twin = spec_identity.twin(spec)
    if twin is not None:
        raise SpecNeedsAttention(f"{twin.words}.", twin.hint, spec.path)
    if context.offline and not dry:
        raise UsageProblem(
            "Linking looks at the repository before anything is sent, and `--offline` forbids it.",
            "`craftkit spec link --dry-run --offline` shows what would be sent",
        )
    spec_index.record_snapshot(context, spec)
    repository, numbers = _look(context, spec, dry, take)
    spec = numbers.in_spec(spec_index.load(context, spec.path))
    repo = connection.settings(context).repo
    making = plan_links(spec, issues.of_spec(context.store, repo, spec.id), context)
    with context.store.read() as db:
        making = links.still_to_make(db, repo, spec, making)
    waits = waiting_creations(context, spec)
    return LinkProposal(spec, making, repository, waits, numbers.strange, tuple(take))


def secret_titles(found: LinkProposal) -> list[str]:
    """The tasks, or the spec, whose title looks like a secret and would be published."""
    named = [task.ref for task in found.spec.tasks if looks_secret(task.title)]
    return ([found.spec.id] if looks_secret(found.spec.name) else []) + named


def waiting_creations(context: Context, spec: Spec) -> int:
    """How many issues of tasks are queued."""
    with context.store.read() as db:
        return len(outbox.pending_creations(db, spec.id))


def could_not_create(context: Context, spec: Spec, done: Mapping[str, Any]) -> bool:
    """Whether GitHub refuses to make issues that tasks should have got; `done` is of `link`."""
    with context.store.read() as db:
        dead = any(row.state == "dead" for row in outbox.creations(db, spec.id))
    return dead or done.get("make_issues", {}).get("code") == gh.ParentGone.code


def link(
    context: Context, found: LinkProposal, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Make the issues as a recorded process; what could not be sent stays queued."""
    spec, making = found.spec, found.making
    adopted = {t.id: t.issue for t in making.adopted if t.issue is not None}
    decision = LinkDecision(spec.id, spec.path, adopted, making.blocks, found.taken)
    context.progress = progress
    plan = steps(context, decision)
    save = links.record(context, spec, making)
    process_id = process_runner.record(context, KIND, decision.to_json(), plan, save)
    return process_runner.carry_out(context, process_id, plan)


def steps(context: Context, decision: LinkDecision) -> tuple[ProcessStep, ...]:
    """The steps of a linking; all but the writing of the links ask GitHub."""

    def write(path: str) -> dict[str, Any]:
        made = {*tasks.ids(context.store, decision.spec)} - decision.adopted.keys()
        return {"written": links.write_links(context, decision.spec, path, made)}

    def write_links() -> dict[str, Any]:
        return spec_index.at_current_path(context, decision.spec, decision.path, write)

    def adopt_below() -> dict[str, Any]:
        return _adopt_below(context, decision)

    below = [ProcessStep("adopt_below", do=adopt_below, online=True)] if decision.taken else []
    return (
        ProcessStep("adopt_links", do=lambda: _adopt(context, decision), online=True),
        ProcessStep("make_issues", do=lambda: _make(context), online=True),
        *below,
        ProcessStep("write_links", do=write_links),
        ProcessStep("block", do=lambda: _block(context, decision), online=True),
        ProcessStep("verify", do=lambda: _verify(context, decision), online=True),
    )


def _make(context: Context) -> dict[str, Any]:
    sent = connection.send(context, SECONDS, progress=context.progress, lists=False)
    connection.report_pending(context, sent)
    return sent.as_dict()


def _adopt(context: Context, decision: LinkDecision) -> dict[str, Any]:
    """Remember the issues that task lines name already, and the parent that the spec names."""
    repo = connection.settings(context).repo
    spec = spec_index.by_id(context, decision.spec)
    if spec is None:
        return {"skipped": True}
    # What a line does not name any more was unlinked since.
    named: dict[str | None, int | None] = {
        task.id: task.issue for task in spec.tasks if decision.adopted.get(task.id) == task.issue
    }
    named[None] = spec.issue
    wanted = [n for n in named.values() if n is not None]
    if not wanted:
        return {"skipped": True}
    with connection.github_session(context, SECONDS) as sync:
        seen = sync.gateway.issues(wanted)
    found = [(task_id, seen.get(n)) for task_id, n in named.items() if n is not None]
    issues = [
        (task_id, issue)
        for task_id, issue in found
        if isinstance(issue, gh.Issue) and _may_adopt(context, decision, spec, task_id, issue)
    ]
    with context.store.write() as tx:
        for task_id, issue in issues:
            if task_id is not None:  # its line named another one before
                table.forget_of_task(tx, repo, spec.id, task_id)
            discovery.remember_issue(tx, repo, spec, task_id, issue)
    return {"adopted": len(issues)}


def _may_adopt(
    context: Context, decision: LinkDecision, spec: Spec, task_id: str | None, issue: gh.Issue
) -> bool:
    """Whether an issue is the task's by evidence, or by a person's word; not another spec's."""
    marker = markers.find(issue.body) if issue.trusted else None
    if marker is not None and marker.spec == spec.id:
        return True
    titles = [
        t for task in spec.tasks if task.id == task_id for t in (task.title, issue_title(task))
    ]
    with context.store.read() as db:
        moved = spec.id in issues.linked_elsewhere(db, connection.settings(context).repo)
    # If the spec was linked in another repository, its numbers mean nothing here.
    parents = {spec.issue} if spec.issue is not None and not moved else set()
    if marker is None and (
        issue.number in decision.taken
        or (task_id is None and not moved)
        or ownership.is_ours(issue, spec.id, titles, parents)
    ):
        return True
    whose = f"of the spec {one_line(marker.spec, 60)}" if marker else "of something else"
    context.note(
        "warning",
        "not_its_issue",
        f"#{issue.number} is an issue {whose}, and was not adopted.",
        f"correct (#{issue.number}) in {spec.path}",
    )
    return False


def _adopt_below(context: Context, decision: LinkDecision) -> dict[str, Any]:
    """Make what a person took a sub-issue of the parent: so other clones know whose it is."""
    repo = connection.settings(context).repo
    known = issues.of_spec(context.store, repo, decision.spec)
    parent = next((k for k in known if k.task_id is None), None)
    if parent is None:
        return {"skipped": True}
    done = 0
    with connection.github_session(context, SECONDS) as sync:
        seen = sync.gateway.issues([parent.number, *decision.taken])
        above = seen.get(parent.number)
        for number in decision.taken:
            issue = seen.get(number)
            if not isinstance(issue, gh.Issue) or not isinstance(above, gh.Issue):
                continue
            if issue.number == above.number:
                continue
            try:
                sync.gateway.adopt(above, issue)
                done += 1
            except gh.Invalid as error:
                words = f"#{number} was not put below #{above.number}: {error.message}"
                hint = "other clones ask again whose it is: answer with `--take` there"
                context.note("warning", "not_below_parent", words, hint)
    return {"adopted_below": done}


def _block(context: Context, decision: LinkDecision) -> dict[str, Any]:
    """Queue the dependencies as "blocked by", where the server has them."""
    if not decision.blocks:
        return {"skipped": True}
    with connection.github_session(context, SECONDS) as sync:
        if not sync.gateway.capabilities().dependencies:
            return {"skipped": True, "why": "this server has no issue dependencies"}
    now, pairs = context.now(), _pairs(context, decision)
    # By task, not by issue: where one could not be made yet, this waits for it.
    queued = outbox.blocks(context.store, decision.spec)
    with context.store.write() as tx:
        for task_id, other in pairs:
            if (task_id, other) not in queued:  # else its process was killed behind this
                payload = {"by_task": other}
                outbox.queue(tx, now, decision.spec, task_id, None, "block", payload=payload)
    return {"blocked": len(pairs), **connection.send(context, SECONDS, lists=False).as_dict()}


def _pairs(context: Context, decision: LinkDecision) -> list[tuple[str, str]]:
    """The dependencies of tasks that have an issue, or get one: not of those unlinked since."""
    known = issues.of_spec(context.store, connection.settings(context).repo, decision.spec)
    linked = {k.task_id for k in known}
    with context.store.read() as db:
        creations = outbox.creations(db, decision.spec)
    linked |= {c.task_id for c in creations if c.state != "delivered"}
    return [pair for pair in decision.blocks if linked.issuperset(pair)]


def _verify(context: Context, decision: LinkDecision) -> dict[str, Any]:
    """List what is there now, and settle what the listing shows (a second issue, a done task)."""
    spec = spec_index.by_id(context, decision.spec)
    if spec is None:
        return {"skipped": True}
    report = reconcile.run(context, [spec], merge_model.Policy(), seconds=SECONDS)
    if report.failed is not None:
        context.note("warning", report.failed.code, report.failed.message, report.failed.hint)
        return {"verified": False, "why": report.failed.message}
    return {"verified": True, "drift": report.drift()}


def question(context: Context, found: LinkProposal) -> str:
    """What a person agrees to: where, how many, and as whom."""
    making, repository = found.making, found.repository
    where = repository.full_name if repository else str(context.config["github.repo"])
    who = f" as {one_line(repository.login, 60)}" if repository and repository.login else ""
    kind = "private" if repository and repository.private else "public"
    total = count(len(making.parents) + len(making.children), "issue")
    kept = f" {len(making.adopted)} existing links stay." if making.adopted else ""
    parents = count(len(making.parents), "parent")
    return (
        f"{total} will be made in the {kind} repository {one_line(where, 140)}{who}:"
        f" {parents} and {count(len(making.children), 'Sub Issue')}.{kept}"
    )


def preview(found: LinkProposal) -> list[str]:
    """What would be sent, request by request."""
    making = found.making
    lines = []
    for payload in making.parents:
        lines += [f"issue      {payload['title']}", f"  labels   {', '.join(payload['labels'])}"]
        lines += [f"  | {line}" for line in payload["body"].splitlines()]
    for _, payload in making.children:
        lines.append(f"sub-issue  {payload['title']}")
        lines += [f"  | {line}" for line in payload["body"].splitlines()]
    lines += [f"adopt      #{task.issue} {issue_title(task)}" for task in making.adopted]
    lines += [f"block      {a} waits for {b}" for a, b in making.blocks]
    if found.waiting:
        lines.append(f"waiting    {count(found.waiting, 'issue')}, queued before")
    return lines or ["nothing: every task has its issue"]


def as_dict(found: LinkProposal) -> dict[str, Any]:
    making = found.making
    return {
        "spec": found.spec.id,
        "repository": found.repository._asdict() if found.repository else None,
        "parents": list(making.parents),
        "children": [{"task": t.ref, **payload} for t, payload in making.children],
        "adopted": [{"task": t.ref, "issue": t.issue} for t in making.adopted],
        "blocks": [list(pair) for pair in making.blocks],
    }


def linked(context: Context, spec: Spec) -> dict[str, Any]:
    """How a spec is linked now."""
    now = spec_index.by_id(context, spec.id) or spec
    known = issues.of_spec(context.store, connection.settings(context).repo, spec.id)
    waiting = connection.pending_status(context)
    parents = [k.number for k in known if k.task_id is None]
    return {
        "spec": now.id,
        "parents": parents,
        "urls": [issue_pages.page_of(context, number) for number in parents],
        "tasks": [{"key": t.ref, "title": t.title, "issue": t.issue} for t in now.tasks],
        "attention": conflicts.known(context, now),
        "delivered": not (waiting.queued or waiting.dead),
        "queued": waiting.queued,
        "dead": waiting.dead,
    }
