"""Global node ids: opaque for clients, a prefix for the type and the id in it for the sandbox."""

from __future__ import annotations

from craftkit.sandbox.world import (
    Comment,
    Event,
    Issue,
    Item,
    Label,
    Project,
    Repo,
    User,
    World,
)

Thing = User | Repo | Issue | Label | Comment | Event | Project | Item

_USERS = {"User": "U", "Organization": "O", "Bot": "BOT"}


def node_id(thing: Thing) -> str:
    prefix: str
    match thing:
        case User():
            prefix = _USERS[thing.kind]
        case Repo():
            prefix = "R"
        case Issue():
            prefix = "PR" if thing.pull else "I"
        case Label():
            prefix = "LA"
        case Comment():
            prefix = "IC"
        case Event():
            prefix = "EV"
        case Project():
            prefix = "PVT"
        case Item():
            prefix = "PVTI"
    return f"{prefix}_sb{thing.id:x}"


def status_field_id(project: Project) -> str:
    return f"PVTSSF_sb{project.id:x}"


def title_field_id(project: Project) -> str:
    return f"PVTF_sb{project.id:x}"


def find_node(world: World, node: str) -> Thing | None:
    """What a node id means, if anything; deleted and moved issues are not found."""
    prefix, _, digits = node.partition("_sb")
    try:
        number = int(digits, 16)
    except ValueError:
        return None
    found: Thing | None = None
    if prefix in _USERS.values():
        found = next((user for user in world.users.values() if user.id == number), None)
    elif prefix == "R":
        found = world.repos.get(number)
    elif prefix in ("I", "PR"):
        issue = world.issues.get(number)
        found = None if issue is None or issue.deleted or issue.moved_to else issue
    elif prefix == "LA":
        found = world.labels.get(number)
    elif prefix == "PVT":
        found = world.projects.get(number)
    elif prefix == "PVTI":
        items = (item for project in world.projects.values() for item in project.items.values())
        found = next((item for item in items if item.id == number), None)
    # The very text must be given back: another spelling of the number is not an id.
    return found if found is not None and node_id(found) == node else None
