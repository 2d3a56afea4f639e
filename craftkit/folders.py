"""Folders reached name by name, so that no symlink on the way decides where a file lies.

A path can be checked and be another one at the next call; an open directory stays what it is
(openat(2), "Rationale").  Systems without that get checked paths.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HANDLES = os.open in os.supports_dir_fd and bool(_NOFOLLOW)
_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


class Folder(NamedTuple):
    """An open directory; `fd` is None where the system cannot work from one."""

    fd: int | None
    path: str

    def at(self, name: str) -> str:
        """What to call a file in it, together with `dir_fd=fd`."""
        return name if self.fd is not None else os.path.join(self.path, name)


@contextmanager
def below(root: str, parts: Sequence[str] = (), *, make: bool = False) -> Iterator[Folder]:
    """The directory `root/parts`, reached without following a symlink below `root`.

    With `make`, what is missing is made (0755).  Raises NotADirectoryError if a symlink or a file
    stands in the way, else OSError.
    """
    if not _HANDLES:
        yield Folder(None, _checked(root, parts, make))
        return
    fd = os.open(root, _FLAGS)
    try:
        for part in parts:
            deeper = _step(fd, part, make)
            os.close(fd)
            fd = deeper
        yield Folder(fd, os.path.join(root, *parts))
    finally:
        os.close(fd)


def _step(fd: int, part: str, make: bool) -> int:
    made = False
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=fd)
            made = True
    try:
        deeper = os.open(part, _FLAGS | _NOFOLLOW, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _in_the_way(part) from error
        raise
    if made:
        give_to_owner(fd, deeper)
    return deeper


def _checked(root: str, parts: Sequence[str], make: bool) -> str:
    path = root
    for part in parts:
        path = os.path.join(path, part)
        if make:
            with suppress(FileExistsError):
                os.mkdir(path, 0o755)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise _in_the_way(path)
    return path


def _in_the_way(name: str) -> NotADirectoryError:
    return NotADirectoryError(errno.ENOTDIR, "a symlink or a file stands in the way", name)


def give_to_owner(folder: int | None, made: int) -> None:
    """Give what root has just made, an open file or folder, to the owner of the folder around it.

    Whoever runs craftkit as root in another user's repository (a container, `sudo`) must not leave
    files there that this user cannot write.
    """
    if folder is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    owner = os.fstat(folder)
    if owner.st_uid != 0:
        os.fchown(made, owner.st_uid, owner.st_gid)
