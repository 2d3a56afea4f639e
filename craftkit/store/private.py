"""Files of the private state: closed to others, behind no symlink, and of the right owner.

What root makes in another user's repository gets the owner of the folder that it is in.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from craftkit import folders
from craftkit.folders import Folder

PRIVATE = 0o600
_CREATE = os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def make_folder(path: str, mode: int = 0o700) -> None:
    """Make a folder if it is missing.  Raises OSError, also if a symlink stands there."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if os.path.islink(path) or not os.path.isdir(path):
            raise
    else:
        _give_to_owner(path)


def open_file(path: str, flags: int) -> int:
    """A descriptor of a file (0600), which is created if it is missing.  Raises OSError."""
    try:
        descriptor = os.open(path, flags | _CREATE | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags | _CREATE, 0o600)
    try:
        _give_to_owner(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_whole(path: str, data: bytes, mode: int = PRIVATE) -> None:
    """A file with all of `data`, or none, on the disk.  Raises OSError.

    A file that is there keeps its mode; a private one is closed to others.
    """
    with folders.below(os.path.dirname(path)) as folder:
        _write(folder, os.path.basename(path), data, mode)


def write_below(root: str, parts: Sequence[str], data: bytes, mode: int = PRIVATE) -> None:
    """The same for `root/parts`, whose missing folders are made; no symlink below is followed."""
    with folders.below(root, parts[:-1], make=True) as folder:
        _write(folder, parts[-1], data, mode)


def unlink_below(root: str, parts: Sequence[str]) -> None:
    """Delete a file below `root`, behind no symlink.  Raises OSError."""
    with folders.below(root, parts[:-1]) as folder:
        os.unlink(folder.at(parts[-1]), dir_fd=folder.fd)


def _write(folder: Folder, name: str, data: bytes, mode: int) -> None:
    temporary = f"{name}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    target = folder.at(temporary)
    descriptor = os.open(target, os.O_WRONLY | _CREATE | os.O_EXCL, mode, dir_fd=folder.fd)
    try:
        try:
            folders.give_to_owner(folder.fd, descriptor)
            _set_mode(folder, name, descriptor, mode)
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(target, folder.at(name), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(target, dir_fd=folder.fd)
        raise
    if folder.fd is not None:
        os.fsync(folder.fd)


def _set_mode(folder: Folder, name: str, descriptor: int, mode: int) -> None:
    """Whatever the umask: the mode of the file that is replaced, or the private one."""
    if not hasattr(os, "fchmod"):
        return
    if mode != PRIVATE:
        try:
            found = os.stat(folder.at(name), dir_fd=folder.fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        mode = stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else mode
    os.fchmod(descriptor, mode)


def remove_stale(folder: str, before: float) -> None:
    """Delete what killed writers left in a folder before that time, in seconds since 1970."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(".tmp") and entry.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(entry.path)


def sync_folder(path: str) -> None:
    """Bring the names in a folder to the disk."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_to_owner(path: str, descriptor: int | None = None) -> None:
    """Give what root has just made to the owner of the folder that it is in."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    owner = os.stat(os.path.dirname(path))
    if owner.st_uid == 0:
        return
    if descriptor is None:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    else:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
