"""Files of the private state: closed to others, behind no symlink, and of the right owner.

Whoever runs craftkit as root in another user's repository (a container, `sudo`) must not leave
files there that this user cannot write: what is made gets the owner of the folder that it is in.
"""

import errno
import os
import stat
from contextlib import suppress

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


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """A file with all of `data`, or none, on the disk.  Raises OSError."""
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | _CREATE | os.O_EXCL, mode)
    try:
        try:
            _give_to_owner(temporary, descriptor)
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def read_regular(path: str, limit: int) -> bytes:
    """All of a regular file.

    Raises OSError, also for what is not a regular file, which could make us wait for ever, and for
    one that has more than `limit` bytes.
    """
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # to open a FIFO may block
    descriptor = os.open(path, os.O_RDONLY | flags)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", path)
    return data


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
