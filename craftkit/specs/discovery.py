"""Which files below a root are spec files: by their places, those of sub-packages included."""

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from ..text import visible
from .dialects import DIALECTS
from .files import TEMP

_CONTROL = "[\x00-\x1f\x7f-\x9f]"
# Folders whose own folders are packages: there is no need to look into any other so deep.
_SHELVES = frozenset(
    [
        "packages",
        "apps",
        "services",
        "libs",
        "modules",
        "projects",
        "crates",
        "plugins",
        "components",
        "workspaces",
        "tools",
    ]
)
# What is somebody else's, or made by a program, or an example.
_NOT_OURS = frozenset(
    [
        "node_modules",
        "vendor",
        "third_party",
        "dist",
        "build",
        "target",
        "out",
        "venv",
        "env",
        "site-packages",
        "coverage",
        "test",
        "tests",
        "fixtures",
        "testdata",
        "examples",
        "templates",
        "doc",
        "docs",
        "documentation",
    ]
)
ARCHIVE = "openspec/changes/archive"  # of changes that are finished
_MOST = 2000  # packages that are looked into


def discover(root: str, extra: Sequence[str] = ()) -> list[str]:
    """Relative paths of all spec files, sorted.

    A folder that is a symlink is followed if it leads into the root, and its files have the
    paths that they have there.  A file that is a symlink is not a spec.
    """
    patterns = [p for dialect in DIALECTS.values() for p in dialect.patterns]
    found: set[str] = set()
    bases = [*_packages(root), ""]
    for pattern in (*patterns, *extra):
        parts = pattern.replace("\\", "/").split("/")
        if not any(part in ("", ".", "..") for part in parts):
            for base in bases if pattern in patterns else [""]:
                found.update(path for path in _expand(root, base, parts) if not _is_no_spec(path))
    return sorted(found)


def archived(root: str) -> list[str]:
    """Relative paths of the tasks of archived changes, sorted."""
    parts = [*ARCHIVE.split("/"), "*", "tasks.md"]
    return sorted({path for base in [*_packages(root), ""] for path in _expand(root, base, parts)})


def _packages(root: str) -> list[str]:
    """Folders that may have specs of their own, with a folder of specs in them."""
    found: list[str] = []
    left = [("", name) for name in _folders(root, "")]
    firsts = {pattern.split("/")[0] for d in DIALECTS.values() for pattern in d.patterns}
    for looked, (base, name) in enumerate(left):
        if looked >= _MOST:
            break
        path = f"{base}/{name}" if base else name
        inside = _folders(root, path, firsts)
        if ".git" in inside:
            continue  # a repository of its own
        if firsts.intersection(inside):
            found.append(path)
        if (not base and name in _SHELVES) or (base in _SHELVES and name.startswith("@")):
            left += [(path, one) for one in inside if one not in firsts]
    return found


def _folders(root: str, base: str, also: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """The folders in a folder, sorted; of hidden and foreign ones only those in `also`."""
    try:
        with os.scandir(os.path.join(root, base) if base else root) as entries:
            return sorted(
                entry.name
                for entry in entries
                if (entry.name == ".git" and base)
                or (
                    (entry.name in also or not (entry.name[0] == "." or entry.name in _NOT_OURS))
                    and entry.is_dir(follow_symlinks=entry.name in also)
                    and not _is_odd(entry.name)
                )
            )
    except OSError:
        return []


def misfits(root: str) -> list[tuple[str, str]]:
    """Path of what is named like a spec file and is not read as one, and why it is not.

    A path with what is not seen as it is, is shown with escapes, as in `a\\nb`.
    """
    patterns = [p.split("/") for dialect in DIALECTS.values() for p in dialect.patterns]
    paths = {path for parts in patterns for path in _expand(root, "", parts, misfits=True)}
    return [
        (path.encode("unicode_escape").decode(), _why(root, path))
        for path in sorted(paths)
        if not _is_no_spec(path)
    ]


def _why(root: str, path: str) -> str:
    if _is_odd(path):
        return "has a backslash or a control character in its name"
    if os.path.islink(os.path.join(root, path)):
        return "is a symlink that leads out of the repository"
    return "is not a regular file"


def _is_odd(name: str) -> bool:
    """Whether a name has what is not seen as it is: a control, a line end or a backslash."""
    if name.isascii() and name.isprintable():
        return "\\" in name
    return "\\" in name or visible(name) != name or re.search(_CONTROL, name) is not None


def _is_no_spec(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if name.casefold() == "readme.md":
        return folder.rpartition("/")[2] == "specs"
    return f"/{ARCHIVE}/" in f"/{path}"


def behind_symlinks(root: str, path: str) -> str:
    """The path of a file where the folders that lead to it really are, if that is inside."""
    folder, slash, name = path.rpartition("/")
    real = _inside(root, folder) if folder else None
    return f"{real}{slash}{name}" if real else path


def _inside(root: str, path: str) -> str | None:
    """Where a folder really is, relative to the root; None if it is not in it."""
    top = os.path.realpath(root)
    real = os.path.realpath(os.path.join(root, path))
    if not real.startswith(top + os.sep):
        return None
    inside = real[len(top) + 1 :].replace(os.sep, "/")
    return None if ".git" in inside.split("/") else inside


def _expand(root: str, base: str, parts: Sequence[str], misfits: bool = False) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    try:
        with os.scandir(os.path.join(root, base) if base else root) as entries:
            for entry in entries:
                if not fnmatchcase(entry.name, part):
                    continue
                path = f"{base}/{entry.name}" if base else entry.name
                if entry.is_symlink():
                    if rest and entry.is_dir():
                        real = _inside(root, path)
                        if real is not None and not _is_odd(real):
                            yield from _expand(root, real, rest, misfits)
                        elif misfits and entry.name == part:
                            yield path
                elif _is_odd(entry.name):
                    if misfits:
                        yield path
                elif rest:
                    if entry.is_dir(follow_symlinks=False):
                        yield from _expand(root, path, rest, misfits)
                elif entry.is_file(follow_symlinks=False) is misfits:
                    continue
                elif not TEMP.match(entry.name):
                    yield path
    except OSError:
        return  # what cannot be listed holds no specs that could be read
