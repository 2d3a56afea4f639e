"""Writes that touch several issues: sub-issues, dependencies, projects, deletion, transfer.

Limits: 100 sub-issues a parent, closed ones count; eight levels below the topmost issue.  Whether
a link moves `updated_at` of its two ends is not documented; here it does not, which is the harder
case for a client that asks for changes only.
"""

from __future__ import annotations

from craftkit.sandbox.access import (
    Caller,
    Refused,
    issues_enabled,
    may_project,
    may_write,
    missing,
    see,
    unprocessable,
)
from craftkit.sandbox.nodes import status_field_id
from craftkit.sandbox.world import (
    FIRST_ISSUE,
    Issue,
    Item,
    Project,
    Repo,
    World,
    ancestors,
    find_label,
    height,
    new_id,
    new_issue,
    put_issue,
    put_repo,
)
from craftkit.sandbox.writes import changed

CHILDREN_LIMIT, DEPTH_LIMIT = 100, 8


def add_sub_issue(
    world: World, by: Caller, parent: Issue, child: Issue, replace: bool = False
) -> World:
    """`child` becomes the last sub-issue of `parent`."""
    may_write(world, by, world.repos[parent.repo], "TRIAGE")
    _check_link(world, by, parent, child)
    if child.parent is not None:
        if child.parent == parent.id:
            raise unprocessable("Issue may not contain duplicate sub-issues")
        if not replace:
            raise unprocessable("Sub issue may only have one parent")
        world = _unlink(world, by, world.issues[child.parent], child)
    if len(parent.children) >= CHILDREN_LIMIT:
        raise unprocessable(f"Parent cannot have more than {CHILDREN_LIMIT} sub-issues")
    children = (*world.issues[parent.id].children, child.id)
    world = changed(
        world,
        by,
        world.issues[parent.id],
        "sub_issue_added",
        {"issue": child.id},
        touch=False,
        children=children,
    )
    return changed(
        world,
        by,
        world.issues[child.id],
        "parent_issue_added",
        {"issue": parent.id},
        touch=False,
        parent=parent.id,
    )


def _check_link(world: World, by: Caller, parent: Issue, child: Issue) -> None:
    above, below = world.repos[parent.repo], world.repos[child.repo]
    see(world, by, below)
    if above.owner != below.owner:
        raise unprocessable("Sub-issue must belong to the same owner as its parent")
    if parent.pull or child.pull:
        raise unprocessable("A pull request has no part in sub-issues")
    over = [parent, *ancestors(world, parent)]
    if child.id in [issue.id for issue in over]:
        raise unprocessable("Sub-issue may not be its own ancestor")
    if len(over) + height(world, child) > DEPTH_LIMIT:
        raise unprocessable(f"Sub-issues may be nested {DEPTH_LIMIT} levels deep at most")


def remove_sub_issue(world: World, by: Caller, parent: Issue, child: Issue) -> World:
    may_write(world, by, world.repos[parent.repo], "TRIAGE")
    if child.parent != parent.id:
        raise missing("a sub-issue of that issue.")
    return _unlink(world, by, parent, child)


def _unlink(world: World, by: Caller, parent: Issue, child: Issue) -> World:
    children = tuple(other for other in parent.children if other != child.id)
    world = changed(
        world, by, parent, "sub_issue_removed", {"issue": child.id}, touch=False, children=children
    )
    return changed(
        world,
        by,
        world.issues[child.id],
        "parent_issue_removed",
        {"issue": parent.id},
        touch=False,
        parent=None,
    )


def prioritize(
    world: World,
    by: Caller,
    parent: Issue,
    child: Issue,
    after: Issue | None,
    before: Issue | None,
) -> World:
    """`child` moves behind `after`, or in front of `before`."""
    may_write(world, by, world.repos[parent.repo], "TRIAGE")
    near = after or before
    if near is None or (after and before):
        raise unprocessable("Either an issue to be after or one to be before must be given")
    if near.id == child.id or {near.id, child.id} - set(parent.children):
        raise unprocessable("Both must be different sub-issues of that issue")
    order = [other for other in parent.children if other != child.id]
    order.insert(order.index(near.id) + (1 if after else 0), child.id)
    return put_issue(world, parent._replace(children=tuple(order)))


def add_blocked_by(world: World, by: Caller, issue: Issue, blocker: Issue) -> World:
    may_write(world, by, world.repos[issue.repo], "TRIAGE")
    see(world, by, world.repos[blocker.repo])
    if blocker.id in issue.blocked_by:
        raise unprocessable("Target issue has already been taken")
    if blocker.id == issue.id or _waits_for(world, blocker, issue):
        raise unprocessable("This dependency would create a cycle")
    return _dependency(
        world,
        by,
        issue,
        blocker,
        "added",
        (*issue.blocked_by, blocker.id),
        (*blocker.blocking, issue.id),
    )


def remove_blocked_by(world: World, by: Caller, issue: Issue, blocker: Issue) -> World:
    may_write(world, by, world.repos[issue.repo], "TRIAGE")
    if blocker.id not in issue.blocked_by:
        raise missing("a dependency between these issues.")
    return _dependency(
        world,
        by,
        issue,
        blocker,
        "removed",
        tuple(other for other in issue.blocked_by if other != blocker.id),
        tuple(other for other in blocker.blocking if other != issue.id),
    )


def _dependency(
    world: World,
    by: Caller,
    issue: Issue,
    blocker: Issue,
    verb: str,
    blocked_by: tuple[int, ...],
    blocking: tuple[int, ...],
) -> World:
    world = changed(
        world,
        by,
        issue,
        f"blocked_by_{verb}",
        {"issue": blocker.id},
        touch=False,
        blocked_by=blocked_by,
    )
    return changed(
        world,
        by,
        world.issues[blocker.id],
        f"blocking_{verb}",
        {"issue": issue.id},
        touch=False,
        blocking=blocking,
    )


def _waits_for(world: World, issue: Issue, other: Issue) -> bool:
    """Whether `issue` is blocked by `other`, directly or through others."""
    todo, seen = [*issue.blocked_by], set()
    while todo:
        blocker = todo.pop()
        if blocker == other.id:
            return True
        if blocker not in seen:
            seen.add(blocker)
            todo += world.issues[blocker].blocked_by
    return False


def delete_issue(world: World, by: Caller, issue: Issue) -> World:
    """Gone for good: its number answers 410 from now on and is never used again."""
    may_write(world, by, world.repos[issue.repo], "ADMIN")
    return put_issue(_detached(world, issue), issue._replace(deleted=True))


def _detached(world: World, issue: Issue) -> World:
    """No other issue, and no project, knows the issue any more."""
    if issue.parent is not None:
        parent = world.issues[issue.parent]
        rest = tuple(child for child in parent.children if child != issue.id)
        world = put_issue(world, parent._replace(children=rest))
    for child in issue.children:
        world = put_issue(world, world.issues[child]._replace(parent=None))
    for blocked in issue.blocking:
        other = world.issues[blocked]
        rest = tuple(blocker for blocker in other.blocked_by if blocker != issue.id)
        world = put_issue(world, other._replace(blocked_by=rest))
    for blocker in issue.blocked_by:
        other = world.issues[blocker]
        rest = tuple(blocked for blocked in other.blocking if blocked != issue.id)
        world = put_issue(world, other._replace(blocking=rest))
    for project in world.projects.values():
        if issue.id in project.items:
            items = {key: item for key, item in project.items.items() if key != issue.id}
            world = _put_project(world, project._replace(items=items))
    return world


def transfer_issue(world: World, by: Caller, issue: Issue, target: Repo) -> tuple[World, Issue]:
    """The issue under a new id and number elsewhere; the old number answers 301 from now on.

    Links to other issues are dropped.  Labels stay where the target has one of the same name.
    """
    source = world.repos[issue.repo]
    may_write(world, by, source, "WRITE")
    may_write(world, by, target, "WRITE")
    issues_enabled(target)
    if source.owner != target.owner or source.id == target.id:
        raise unprocessable("An issue moves to another repository of the same owner")
    world, number = new_id(_detached(world, issue), FIRST_ISSUE)
    target = target._replace(highest=target.highest + 1)
    names = [world.labels[label].name for label in issue.labels]
    labels = [label.id for name in names if (label := find_label(world, target, name))]
    new = issue._replace(
        id=number,
        repo=target.id,
        number=target.highest,
        labels=tuple(labels),
        updated_at=by.now,
        parent=None,
        children=(),
        blocked_by=(),
        blocking=(),
    )
    world = new_issue(put_repo(world, target), new)
    return put_issue(world, issue._replace(moved_to=number)), new


def add_item(world: World, by: Caller, project: Project, issue: Issue) -> tuple[World, Item]:
    """The project's item of an issue, made where there is none."""
    may_project(by, write=True)
    _may_plan(world, by, project)
    see(world, by, world.repos[issue.repo])
    if found := project.items.get(issue.id):
        return world, found
    world, number = new_id(world)
    item = Item(number, project.id, issue.id, by.now)
    items = {**project.items, issue.id: item}
    return _put_project(world, project._replace(items=items)), item


def set_status(
    world: World, by: Caller, project: Project, item: Item, field: str, option: str
) -> tuple[World, Item]:
    may_project(by, write=True)
    _may_plan(world, by, project)
    if item.project != project.id:
        raise missing("an item of that project.")
    if field != status_field_id(project):
        raise missing(f"a node with the global id of '{field}'")
    if option not in {known.id for known in project.options}:
        raise unprocessable("The single select option Id does not belong to the field")
    item = item._replace(status=option)
    items = {**project.items, item.issue: item}
    return _put_project(world, project._replace(items=items)), item


def _may_plan(world: World, by: Caller, project: Project) -> None:
    """The owner plans, and members of the organization that owns the project."""
    owner = world.users[project.owner.lower()]
    if by.login != owner.login and by.login not in owner.members:
        raise Refused(403, f"{by.login} may not change that project", kind="FORBIDDEN")


def _put_project(world: World, project: Project) -> World:
    return world._replace(projects={**world.projects, project.id: project})
