"""Whether the private state that lies here is this clone's own: `clone.json`.

A folder can be copied with its `.git` (`cp -r`, an archive, an image of a container).  The copy
would send what the original sends and hold what it holds.  So craftkit is off in a copy until
`craftkit init` gives it an id and a key of its own.  What was moved or restored stays what it was.

Loads next to nothing: hooks ask at every edit.
"""

import os
import stat
from contextlib import suppress
from typing import NamedTuple

from craftkit import repo as git
from craftkit.store import private

FILE = "clone.json"  # the mark that a person has switched craftkit on here
KEPT = "clone-off.json"  # the same, while it is switched off
KEY = "key"
MOVING = "moving"  # is there while the state of an earlier version is moved in
KEY_BYTES = 32
DATABASE = "craftkit.db"
ON = "on"
OFF = "off"  # nobody has switched it on
COPY = "copy"  # the state is another clone's
FOREIGN = "foreign"  # the state is another user's
MISSING = "missing"  # `.git` names a directory that is not here
OLD = "old"  # the state is where earlier versions kept it
IN_IMAGE = "image"
MOUNTED = "mount"
_LIMIT = 16 << 10  # bytes
_TYPES = (str, str, int, str, str, int, str)
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")


class Clone(NamedTuple):
    """What tells this clone from its copies."""

    id: str
    path: str  # of git's directory, or of the state directory without git
    inode: int  # of that directory
    machine: str  # "" if the system has no id
    container: str  # "", or how the clone came into a container: IN_IMAGE or MOUNTED
    uid: int  # of the owner of that directory
    file: str  # inode and time of the last change of the key, which is never written again


def observe(repo: git.Repo, clone_id: str = "") -> Clone:
    """This clone as it is now.  Raises OSError."""
    path = repo.common_dir or repo.state_dir
    found = os.stat(path)
    key = ""
    with suppress(OSError):
        made = os.lstat(os.path.join(repo.state_dir, KEY))
        key = f"{made.st_ino}.{made.st_ctime_ns}"
    container = _container(found.st_dev)
    return Clone(clone_id, path, found.st_ino, _machine(container), container, found.st_uid, key)


def is_same(recorded: Clone, now: Clone, id_at_old_path: str | None) -> bool:
    """Whether the state that was recorded for one clone is still this clone's.

    `id_at_old_path` is the id of what is now at the recorded path, if anything is.
    """
    if (recorded.machine, recorded.uid) != (now.machine, now.uid):
        # One folder that a machine and its containers share by a mount is one clone.
        kinds = (recorded.container, now.container)
        shared = MOUNTED in kinds and IN_IMAGE not in kinds
        return shared and recorded.inode == now.inode and recorded.file == now.file != ""
    if recorded.path == now.path or recorded.inode == now.inode:
        return True
    return id_at_old_path != recorded.id


def standing(repo: git.Repo) -> tuple[str, Clone | None]:
    """ON, OFF, COPY, FOREIGN, MISSING or OLD, and what was recorded of the clone."""
    if repo.missing is not None:
        return MISSING, None
    if os.path.lexists(os.path.join(repo.state_dir, MOVING)):
        return OLD, None
    try:
        recorded = read(repo.state_dir)
        now = observe(repo, recorded.id if recorded else "")
    except PermissionError:
        return FOREIGN, None
    except OSError:
        return _without_record(repo), None
    if recorded is None:
        return _without_record(repo), None
    if recorded == now:
        return ON, recorded
    other = None
    if (recorded.path, recorded.inode) != (now.path, now.inode):
        other = _id_at(recorded.path)
    return (ON if is_same(recorded, now, other) else COPY), recorded


def _without_record(repo: git.Repo) -> str:
    if os.path.lexists(os.path.join(repo.state_dir, DATABASE)):
        return OFF  # switched off, or nobody knows whose it is
    return OLD if old_folder(repo) is not None else OFF


def old_folder(repo: git.Repo) -> str | None:
    """Where a database lies that is to be moved in.

    It is of an earlier version, or of the time before `git init` was run here.
    """
    top = os.path.join(repo.root, git.STATE_DIR)
    for folder in (top, os.path.join(top, "state")):
        if folder != repo.state_dir and os.path.lexists(os.path.join(folder, DATABASE)):
            return folder
    return None


def refusal(repo: git.Repo, folder: str) -> str:
    """Why an old database is not taken over; "" if it may be."""
    path = os.path.join(folder, DATABASE)
    for place, is_kind in ((folder, stat.S_ISDIR), (path, stat.S_ISREG)):
        found = os.lstat(place)
        if not is_kind(found.st_mode):
            return f"{os.path.basename(place)} is not what it should be, perhaps a symlink"
        if hasattr(os, "geteuid") and found.st_uid not in (os.geteuid(), owner(repo)):
            return "it belongs to another user"
    if git.is_tracked(repo, path):
        return "git tracks it (or cannot tell), so it may have come with a clone"
    return ""


def owner(repo: git.Repo) -> int:
    """Whose files count as ours: root may move what belongs to the owner of git's directory."""
    return os.stat(repo.common_dir or repo.root).st_uid if os.geteuid() == 0 else os.geteuid()


def has_configuration(repo: git.Repo) -> bool:
    """Whether somebody uses craftkit in this repository, in this clone or elsewhere."""
    tops = (repo.worktree, repo.root)
    return any(os.path.isfile(os.path.join(top, git.STATE_DIR, "config.yaml")) for top in tops)


def is_on(repo: git.Repo) -> bool:
    """Whether craftkit may keep state here."""
    return standing(repo)[0] == ON


def record(repo: git.Repo, clone_id: str) -> Clone:
    """Write down what this clone is, with a key if it has none.  Raises OSError."""
    make_key(repo.state_dir)
    clone = observe(repo, clone_id)
    private.write_whole(os.path.join(repo.state_dir, FILE), _as_json(clone).encode())
    return clone


def switch_off(state_dir: str) -> bool:
    """Keep the state, and do nothing in this clone until `init`; whether it was on."""
    try:
        os.replace(os.path.join(state_dir, FILE), os.path.join(state_dir, KEPT))
    except FileNotFoundError:
        return False
    return True


def switch_on_again(state_dir: str) -> bool:
    """Take back `switch_off`; whether it was switched off."""
    kept, mark = os.path.join(state_dir, KEPT), os.path.join(state_dir, FILE)
    if os.path.lexists(mark) or not os.path.lexists(kept):
        return False
    os.replace(kept, mark)
    return True


def make_key(state_dir: str, *, anew: bool = False) -> None:
    """Make the key that seals what is spooled; an existing one stays, unless `anew`."""
    path = os.path.join(state_dir, KEY)
    if anew or not os.path.lexists(path):
        private.write_whole(path, os.urandom(KEY_BYTES))


def key(state_dir: str) -> bytes | None:
    """The key of the clone; None if it cannot be read."""
    data = _read(os.path.join(state_dir, KEY))
    return data if data is not None and len(data) == KEY_BYTES else None


def read(state_dir: str, file: str = FILE) -> Clone | None:
    """What was recorded; None if that is nothing or cannot be understood.

    Raises PermissionError if the state directory is closed to us.
    """
    data = _read(os.path.join(state_dir, file))
    if data is None:
        return None
    values = _plain_values(data)
    if values is None:
        import json

        try:
            values = json.loads(data)
        except ValueError:
            return None
    try:
        found = Clone._make(values[name] for name in Clone._fields)
    except (KeyError, TypeError):
        return None
    return found if tuple(map(type, found)) == _TYPES else None


def _plain_values(data: bytes) -> dict[str, str | int] | None:
    """The members of an object as `_as_json` writes it, if no text in it needs an escape."""
    found: dict[str, str | int] = {}
    for line in data.decode("utf-8", "replace").strip("{}\n ").split("\n"):
        name, _, value = line.strip(" ,").partition(": ")
        if value.isdecimal():
            found[name.strip('"')] = int(value)
        elif value[:1] == value[-1:] == '"' and not {'"', "\\"} & {*value[1:-1]}:
            found[name.strip('"')] = value[1:-1]
        else:
            return None
    return found


def _as_json(clone: Clone) -> str:
    import json

    return json.dumps(clone._asdict(), indent=1, ensure_ascii=False) + "\n"


def _id_at(path: str) -> str | None:
    """The id of the clone whose git directory is at `path`."""
    with suppress(OSError):
        for folder in (os.path.join(path, "craftkit"), path):
            found = read(folder) or read(folder, KEPT)
            if found is not None:
                return found.id
    return None


def _container(device: int) -> str:
    """Whether this is a container, and whether what is on `device` came with its image."""
    if not any(map(os.path.exists, _CONTAINER_MARKS)):
        return ""
    return IN_IMAGE if os.stat("/").st_dev == device else MOUNTED


def _machine(container: str) -> str:
    """The id of this machine; containers of one image have one id, but names of their own."""
    name = os.uname().nodename if container == IN_IMAGE else ""
    for path in _MACHINE_IDS:
        with suppress(OSError):
            data = _read(path)
            if data:
                return f"{data.decode('ascii', 'replace').strip()} {name}".strip()
    return name


def _read(path: str) -> bytes | None:
    """The beginning of a regular file; None without one.  Raises PermissionError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except PermissionError:
        raise
    except OSError:
        return None
    try:
        return os.read(descriptor, _LIMIT)
    except OSError:
        return None
    finally:
        os.close(descriptor)
