"""Which issues are a spec's: what a file names may be anybody's.

A link in a file is only a number.  After a change of `github.repo`, in a fork, or by a slip of the
hand it names an issue that has nothing to do with the task, and that must not be closed for it.
"""

from __future__ import annotations

from collections.abc import Collection

from craftkit.errors import SpecNeedsAttention
from craftkit.github import gateway as gh
from craftkit.sync import markers


def is_ours(
    issue: gh.Issue, spec_id: str, titles: Collection[str], parents: Collection[int]
) -> bool:
    """Whether an issue that a file names is the spec's.

    `titles` are those that it would have, `parents` the spec's parent issues.  Its marker says so;
    without one it is below a parent of the spec, or has the title of what names it.
    """
    marker = markers.find(issue.body) if issue.trusted else None
    if marker is not None:
        return marker.spec == spec_id
    return issue.parent in parents or " ".join(issue.title.split()) in titles


def is_parent(tree: gh.Tree, spec_id: str, name: str, named: Collection[int]) -> bool:
    """Whether a parent issue that a file names is the spec's; `named` are its lines' issues."""
    below = any(child.number in named for child in tree.children)
    return is_ours(tree.parent, spec_id, (name,), ()) or (
        below and markers.find(tree.parent.body) is None
    )


def refusal(spec_id: str, other: str, repo: str) -> SpecNeedsAttention:
    """What to say of a spec that was linked in another repository."""
    return SpecNeedsAttention(
        f"{spec_id} is linked in {other}, and github.repo is {repo} now.",
        "correct github.repo in .craftkit/config.yaml, or `craftkit spec link` where it was moved",
    )
