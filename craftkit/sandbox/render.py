"""What REST answers: the objects of GitHub's official OpenAPI description.

Fields that the sandbox has nothing for (reactions, milestones, counts of stars) are there, empty,
because the description requires them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from craftkit.sandbox.access import Caller, permission
from craftkit.sandbox.nodes import node_id
from craftkit.sandbox.world import (
    CLOSED,
    OPEN,
    Comment,
    Event,
    Issue,
    Label,
    Repo,
    User,
    World,
    association,
    issues_by_id,
    issues_of,
    labels_of,
)

Json = dict[str, Any]

_USER_PATHS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}
_REPO_PATHS = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "contributors": "contributors",
    "deployments": "deployments",
    "downloads": "downloads",
    "events": "events",
    "forks": "forks",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "hooks": "hooks",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "languages": "languages",
    "merges": "merges",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "stargazers": "stargazers",
    "statuses": "statuses/{sha}",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "tags": "tags",
    "teams": "teams",
    "trees": "git/trees{/sha}",
}
_ZEROES = (
    *("forks", "forks_count", "size", "stargazers_count", "watchers", "watchers_count"),
    *("network_count", "subscribers_count"),
)
_REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


class Place(NamedTuple):
    """Where the client found this server: its addresses are the ones in the answers."""

    api: str  # http://127.0.0.1:8080, with /api/v3 where the client used that
    site: str  # http://127.0.0.1:8080


def user(who: User, at: Place) -> Json:
    url = f"{at.api}/users/{who.login}"
    return {
        "login": who.login,
        "id": who.id,
        "node_id": node_id(who),
        "avatar_url": f"{at.site}/avatars/{who.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{at.site}/{who.login}",
        **{key: f"{url}/{path}" for key, path in _USER_PATHS.items()},
        "type": who.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def own_user(who: User, at: Place, repos: list[Repo]) -> Json:
    """GET /user: the caller's own account."""
    private = sum(repo.private for repo in repos)
    nothing = ("company", "blog", "location", "email", "hireable", "bio", "twitter_username")
    none = ("public_gists", "followers", "following", "private_gists", "disk_usage")
    return {
        **user(who, at),
        "user_view_type": "private",
        "name": who.name or None,
        **dict.fromkeys(nothing),
        **dict.fromkeys(none, 0),
        "collaborators": 0,
        "public_repos": len(repos) - private,
        "owned_private_repos": private,
        "total_private_repos": private,
        "two_factor_authentication": True,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def user_permission(who: User, rank: str, at: Place) -> Json:
    """GET …/collaborators/LOGIN/permission; its coarse word knows neither triage nor maintain."""
    coarse = {"": "none", "TRIAGE": "read", "MAINTAIN": "write"}.get(rank, rank.lower())
    return {
        "permission": coarse,
        "role_name": rank.lower() or "none",
        "user": {**user(who, at), "role_name": rank.lower() or "none"},
    }


def by_login(world: World, login: str | None, at: Place) -> Json | None:
    known = world.users.get(login.lower()) if login else None  # None: the account was deleted
    return None if known is None else user(known, at)


def label(known: Label, repo: Repo, at: Place) -> Json:
    return {
        "id": known.id,
        "node_id": node_id(known),
        "url": f"{at.api}/repos/{repo.full_name}/labels/{known.name.replace(' ', '%20')}",
        "name": known.name,
        "color": known.color,
        "default": False,
        "description": known.description or None,
    }


def issue(world: World, found: Issue, at: Place, *, linked: bool = True) -> Json:
    """One issue or pull request; `linked` is False on a server that knows no sub-issues."""
    repo = world.repos[found.repo]
    url = f"{at.api}/repos/{repo.full_name}/issues/{found.number}"
    page = f"{at.site}/{repo.full_name}/{'pull' if found.pull else 'issues'}/{found.number}"
    answer = {
        "url": url,
        "repository_url": f"{at.api}/repos/{repo.full_name}",
        "labels_url": url + "/labels{/name}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "id": found.id,
        "node_id": node_id(found),
        "number": found.number,
        "title": found.title,
        "user": by_login(world, found.author, at),
        "labels": [label(known, repo, at) for known in labels_of(world, found)],
        "state": found.state,
        "locked": False,
        "assignee": by_login(world, next(iter(found.assignees), None), at),
        "assignees": [by_login(world, login, at) for login in found.assignees],
        "milestone": None,
        "comments": len(found.comments),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "closed_at": found.closed_at,
        "author_association": association(world, repo, found.author),
        "active_lock_reason": None,
        "body": found.body,
        "closed_by": by_login(world, found.closed_by, at),
        "reactions": reactions(url),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": found.reason,
    }
    if found.pull:
        pull = f"{at.api}/repos/{repo.full_name}/pulls/{found.number}"
        addresses = {"url": pull, "html_url": page, "diff_url": f"{page}.diff"}
        answer["draft"] = False
        answer["pull_request"] = {**addresses, "patch_url": f"{page}.patch", "merged_at": None}
    elif linked:
        answer |= _links(world, found, at)
    return answer


def _links(world: World, found: Issue, at: Place) -> Json:
    answer: Json = {
        "sub_issues_summary": summary(world, found),
        "issue_dependencies_summary": {
            "blocked_by": _open(world, found.blocked_by),
            "total_blocked_by": len(found.blocked_by),
            "blocking": _open(world, found.blocking),
            "total_blocking": len(found.blocking),
        },
    }
    if found.parent is not None:
        answer["parent_issue_url"] = address(world, world.issues[found.parent], at)
    return answer


def address(world: World, found: Issue, at: Place) -> str:
    return f"{at.api}/repos/{world.repos[found.repo].full_name}/issues/{found.number}"


def _open(world: World, ids: tuple[int, ...]) -> int:
    return sum(other.state == OPEN for other in issues_by_id(world, ids))


def summary(world: World, found: Issue) -> dict[str, int]:
    total = len(found.children)
    done = sum(child.state == CLOSED for child in issues_by_id(world, found.children))
    return {
        "total": total,
        "completed": done,
        "percent_completed": 100 * done // total if total else 0,
    }


def reactions(url: str) -> Json:
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)}


def comment(world: World, found: Comment, on: Issue, at: Place) -> Json:
    repo = world.repos[on.repo]
    url = f"{at.api}/repos/{repo.full_name}/issues/comments/{found.id}"
    page = f"{at.site}/{repo.full_name}/issues/{on.number}#issuecomment-{found.id}"
    return {
        "url": url,
        "html_url": page,
        "issue_url": address(world, on, at),
        "id": found.id,
        "node_id": node_id(found),
        "user": by_login(world, found.author, at),
        "created_at": found.at,
        "updated_at": found.at,
        "author_association": association(world, repo, found.author),
        "body": found.body,
        "reactions": reactions(url),
        "performed_via_github_app": None,
    }


def event(world: World, found: Event, on: Issue, at: Place) -> Json:
    """One entry of /events and of /timeline."""
    repo = world.repos[on.repo]
    answer = {
        "id": found.id,
        "node_id": node_id(found),
        "url": f"{at.api}/repos/{repo.full_name}/issues/events/{found.id}",
        "actor": by_login(world, found.actor, at),
        "event": found.kind,
        "commit_id": None,
        "commit_url": None,
        "created_at": found.at,
        "performed_via_github_app": None,
    }
    if found.kind in ("labeled", "unlabeled"):
        answer["label"] = {key: found.detail[key] for key in ("name", "color")}
    elif found.kind == "renamed":
        answer["rename"] = dict(found.detail)
    elif found.kind in ("closed", "reopened"):
        answer["state_reason"] = found.detail["state_reason"]
    elif (other := world.issues.get(found.detail.get("issue", 0))) is not None:
        role = found.kind.removesuffix("_added").removesuffix("_removed")
        answer[role] = reference(world, other, at)
    return answer


def reference(world: World, other: Issue, at: Place) -> Json:
    """The other end of a link, as events mention it."""
    return {
        "id": other.id,
        "node_id": node_id(other),
        "number": other.number,
        "title": other.title,
        "state": other.state,
        "state_reason": other.reason,
        "issue_type": None,
        "repository": simple_repository(world, world.repos[other.repo], at),
    }


def timeline(world: World, on: Issue, at: Place) -> list[Json]:
    return [
        {
            **comment(world, entry, on, at),
            "event": "commented",
            "actor": by_login(world, entry.author, at),
        }
        if isinstance(entry, Comment)
        else event(world, entry, on, at)
        for entry in on.timeline
    ]


def simple_repository(world: World, repo: Repo, at: Place) -> Json:
    url = f"{at.api}/repos/{repo.full_name}"
    return {
        "id": repo.id,
        "node_id": node_id(repo),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": user(world.users[repo.owner.lower()], at),
        "html_url": f"{at.site}/{repo.full_name}",
        "description": None,
        "fork": False,
        "url": url,
        **{f"{key}_url": f"{url}/{path}" for key, path in _REPO_PATHS.items()},
    }


def repository(world: World, caller: Caller, repo: Repo, at: Place, version: str) -> Json:
    """GET /repos/{owner}/{repo}."""
    page = f"{at.site}/{repo.full_name}"
    answer = {
        **simple_repository(world, repo, at),
        "clone_url": f"{page}.git",
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": "main",
        "visibility": "private" if repo.private else "public",
        "has_issues": repo.has_issues,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "archived": repo.archived,
        "disabled": False,
        **dict.fromkeys(_ZEROES, 0),
        **dict.fromkeys(("open_issues", "open_issues_count"), _open_count(world, repo)),
        "created_at": repo.created_at,
        "updated_at": repo.created_at,
        "pushed_at": repo.created_at,
    }
    if version < "2026-03-10":
        answer["has_downloads"] = True
    if caller.token:
        rank = permission(world, caller, repo)
        answer["permissions"] = {
            "admin": rank == "ADMIN",
            "maintain": rank in ("MAINTAIN", "ADMIN"),
            "push": rank in ("WRITE", "MAINTAIN", "ADMIN"),
            "triage": rank not in ("", "READ"),
            "pull": True,
        }
    return answer


def _open_count(world: World, repo: Repo) -> int:
    return sum(found.state == OPEN for found in issues_of(world, repo))
