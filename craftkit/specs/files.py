"""Files below a root: read, replace without losing anybody's save, create.

Every path is walked component by component without following symlinks.  `replace` swaps two
names atomically where the system can, and looks at what it displaced: an editor's save that
came in between is put back.

A temporary file is called `.craftkit-PID-RANDOM.part` until it is complete and on disk.  For a
swap it then becomes `.craftkit-PID-RANDOM-OLD-NEW.tmp`, with digests of the text that should come
out and of the one that goes in: whoever is killed at whatever moment, a file of that name with any
other content holds somebody's save, and is set aside in place of deleted.
"""

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence

from .. import folders
from ..digests import sha256
from ..errors import (
    CannotRead,
    CannotWrite,
    CraftkitError,
    FileChanged,
    UnsafePath,
    UsageProblem,
)
from ..folders import Folder
from ._exchange import exchange

MAX_BYTES = 16 * 1024 * 1024
_ROUNDS = 100  # an editor that saves faster than this many swaps is not a person
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a FIFO must not make us wait
TEMP = re.compile(
    r"\.craftkit-(?P<pid>[0-9]{1,10})-(?P<random>[0-9a-f]{16})"
    r"(?:\.part|-(?P<old>[0-9a-f]{12})-(?P<new>[0-9a-f]{12})\.tmp)\Z"
)
_HINTS = {
    errno.ENOSPC: "free some space on the disk and run the command again",
    errno.EDQUOT: "your disk quota is used up: free some space and run the command again",
    errno.EROFS: "the file system is read-only here: run the command outside of the sandbox",
    errno.EACCES: "check the permissions of the file and of its folder",
    errno.EPERM: "check the permissions of the file and of its folder",
}


def _split(rel: str) -> list[str]:
    normal = rel.replace("\\", "/") if os.name == "nt" else rel
    parts = normal.split("/")
    bad = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if bad or os.path.isabs(rel) or os.path.splitdrive(rel)[0]:
        raise UnsafePath("The path leads out of the project", "give a path inside the project", rel)
    return parts


def _unsafe(rel: str, what: str) -> UnsafePath:
    return UnsafePath(
        f"{rel} {what}", "use a regular file inside the project, without symlinks", rel
    )


@contextlib.contextmanager
def _folder(root: str, parts: Sequence[str], rel: str, *, make: bool = False) -> Iterator[Folder]:
    """The directory `root/parts`, reached without following a symlink below root."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(folders.below(root, parts, make=make))
        except NotADirectoryError as error:
            raise _unsafe(rel, "leads through a symlink or a file") from error
        yield folder


def _read_at(folder: Folder, name: str, rel: str) -> tuple[bytes, os.stat_result]:
    try:
        if not _NOFOLLOW and stat.S_ISLNK(os.lstat(folder.at(name)).st_mode):
            raise _unsafe(rel, "is a symlink")
        flags = os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _COMMON
        fd = os.open(folder.at(name), flags, dir_fd=folder.fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise _unsafe(rel, "is a symlink or no regular file") from error
        raise
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise _unsafe(rel, "is not a regular file")
        chunks: list[bytes] = []
        left = MAX_BYTES + 1
        while left > 0 and (chunk := os.read(fd, min(left, 1 << 20))):
            chunks.append(chunk)
            left -= len(chunk)
    finally:
        os.close(fd)
    if left <= 0:
        raise CannotRead(
            f"{rel} is larger than {MAX_BYTES >> 20} MB", "split it into several specs", rel
        )
    return b"".join(chunks), info


def read(root: str, rel: str) -> bytes:
    """The bytes of a regular file below `root`."""
    parts = _split(rel)
    try:
        with _folder(root, parts[:-1], rel) as folder:
            return _read_at(folder, parts[-1], rel)[0]
    except OSError as error:
        raise _cannot_read(rel, error) from error


def _cannot_read(rel: str, error: OSError) -> CannotRead:
    if error.errno == errno.ENOENT:
        return CannotRead(f"{rel} does not exist", "`craftkit spec list` shows the specs", rel)
    return CannotRead(
        f"{rel} cannot be read: {error.strerror}", "check the permissions of the file", rel
    )


def _cannot_write(rel: str, error: OSError) -> CraftkitError:
    if error.errno == errno.ENOENT:
        return FileChanged(f"{rel} is gone", "look at the file, then run the command again", rel)
    hint = _HINTS.get(error.errno or 0, "run the command again; nothing was changed")
    return CannotWrite(f"{rel} cannot be written: {error.strerror}", hint, rel)


def _tell_nobody(path: str) -> None:
    """For a caller that has nobody to tell; the file lies in sight all the same."""


def replace(
    root: str, rel: str, expected: str, new: bytes, report: Callable[[str], None] = _tell_nobody
) -> None:
    """Put `new` in the place of the bytes whose sha256 is `expected`, or change nothing.

    `report` gets the path of a save that came in between and could not be put back.  Raises
    FileChanged if the file holds anything else, CannotRead if it is gone, UnsafePath if the path
    leads through a symlink or the file has another name, CannotWrite if the system refuses.
    """
    parts = _split(rel)
    name = parts[-1]
    try:
        with _folder(root, parts[:-1], rel) as folder:
            old, info = _read_at(folder, name, rel)
            if sha256(old) != expected:
                raise _changed(rel)
            if info.st_nlink > 1:
                raise _unsafe(rel, "has more than one hard link")
            if old == new:
                return
            temp = _write_temp(folder, new, info, f"-{expected[:12]}-{sha256(new)[:12]}")
            try:
                _swap(folder, temp, name, rel, expected, new)
            finally:
                rescued = _clear(folder, temp)
                if rescued is not None:
                    report("/".join([*parts[:-1], rescued]))
            _sync_folder(folder)
    except OSError as error:
        raise _cannot_write(rel, error) from error


def _changed(rel: str) -> FileChanged:
    return FileChanged(
        f"{rel} was changed by something else", "look at the file, then run the command again", rel
    )


def _write_temp(folder: Folder, data: bytes, like: os.stat_result | int, digests: str = "") -> str:
    """A new file beside the target, complete and on disk; its name."""
    name = f".craftkit-{os.getpid()}-{os.urandom(8).hex()}"
    part = f"{name}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _COMMON
    fd = os.open(folder.at(part), flags, 0o600, dir_fd=folder.fd)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            _dress(folder, fd, like)
            os.fsync(fd)
        finally:
            os.close(fd)
        if not digests:
            return part
        _rename(folder, part, f"{name}{digests}.tmp")
    except BaseException:
        _discard(folder, part)
        raise
    return f"{name}{digests}.tmp"


def _dress(folder: Folder, fd: int, like: os.stat_result | int) -> None:
    """Give the file the owner (as far as allowed) and the mode of the one it replaces."""
    if isinstance(like, int):
        mode = like
        folders.give_to_owner(folder.fd, fd)
    else:
        mode = stat.S_IMODE(like.st_mode)
        if hasattr(os, "fchown"):
            mine = os.fstat(fd)
            if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
                with contextlib.suppress(OSError):
                    os.fchown(fd, like.st_uid, like.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(fd, mode)


def _rename(folder: Folder, one: str, other: str) -> None:
    os.replace(folder.at(one), folder.at(other), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)


def _discard(folder: Folder, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(folder.at(name), dir_fd=folder.fd)


def _clear(folder: Folder, temp: str) -> str | None:
    """Remove a temporary file; one that holds somebody's save is kept, and its name returned."""
    m = TEMP.match(temp)
    if m is None:
        return None
    try:
        if m["old"] is not None:
            data, info = _read_at(folder, temp, temp)
            # A second name: it was put back by a process that was killed before it came here.
            if sha256(data)[:12] not in (m["old"], m["new"]) and info.st_nlink == 1:
                return _set_aside(folder, temp, m["random"])
    except FileNotFoundError:
        return None
    except (OSError, CraftkitError):  # what cannot be read may be anybody's
        return _set_aside(folder, temp, m["random"])
    _discard(folder, temp)
    return None


def _set_aside(folder: Folder, temp: str, random: str) -> str:
    """Give a save a name that is seen, and that no dialect takes for a spec."""
    try:
        name = f"craftkit-rescued-{random}.txt"
        if name in os.listdir(folder.fd if folder.fd is not None else folder.path):
            name = f"craftkit-rescued-{os.urandom(8).hex()}.txt"
        _rename(folder, temp, name)
    except OSError:
        return temp
    return name


def _swap(folder: Folder, temp: str, name: str, rel: str, expected: str, new: bytes) -> None:
    """Exchange the two names.  What then is called `temp`, if anything, is for `_clear` to judge.

    Raises FileChanged where somebody saved in between.
    """
    try:
        exchanged = exchange(folder.fd, temp, name)
    except FileNotFoundError as error:
        raise _changed(rel) from error
    if not exchanged:
        current, _ = _read_at(folder, name, rel)
        if sha256(current) != expected:
            raise _changed(rel)
        _rename(folder, temp, name)
        return
    displaced = _displaced(folder, temp, rel)
    if displaced is not None and sha256(displaced) == expected:
        _discard(folder, temp)
        return
    # Somebody saved in between.  Put that save back; what comes out must be what went in last,
    # else there was yet another save, which is newer.
    put: bytes | None = new
    for _ in range(_ROUNDS):
        try:
            if not exchange(folder.fd, temp, name):
                break
        except FileNotFoundError as error:
            if displaced is not None:  # the target was removed: give it its last content back
                _restore(folder, temp, name)
            raise _changed(rel) from error
        back = _displaced(folder, temp, rel)
        if back is not None and back == put:
            _discard(folder, temp)  # ours, or a save that was followed by the one in place now
            break
        put, displaced = displaced, back
    raise _changed(rel)


def _restore(folder: Folder, temp: str, name: str) -> None:
    with contextlib.suppress(OSError):
        _place_new(folder, temp, name)
        _discard(folder, temp)


def _displaced(folder: Folder, temp: str, rel: str) -> bytes | None:
    """What the exchange brought out; None for something that is not a readable regular file."""
    try:
        return _read_at(folder, temp, rel)[0]
    except (OSError, CraftkitError):
        return None


def _sync_folder(folder: Folder) -> None:
    if folder.fd is not None:
        with contextlib.suppress(OSError):  # some file systems cannot sync a directory
            os.fsync(folder.fd)


def create(root: str, rel: str, data: bytes, mode: int = 0o644) -> None:
    """A new file with all of `data`, or none; missing folders are made."""
    parts = _split(rel)
    name = parts[-1]
    try:
        with _folder(root, parts[:-1], rel, make=True) as folder:
            temp = _write_temp(folder, data, mode)
            try:
                _place_new(folder, temp, name)
            finally:
                _discard(folder, temp)
            _sync_folder(folder)
    except FileExistsError as error:
        raise UsageProblem(f"{rel} exists already", "choose another name", rel) from error
    except OSError as error:
        raise _cannot_write(rel, error) from error


def remove(root: str, rel: str, expected: str) -> None:
    """Delete the file whose bytes have the sha256 `expected`, or change nothing.

    It gets another name first, and is looked at again: a save that came in between is put back.
    """
    parts = _split(rel)
    name = parts[-1]
    try:
        with _folder(root, parts[:-1], rel) as folder:
            if sha256(_read_at(folder, name, rel)[0]) != expected:
                raise _changed(rel)
            temp = f".craftkit-{os.getpid()}-{os.urandom(8).hex()}-{expected[:12]}-{'0' * 12}.tmp"
            _rename(folder, name, temp)
            displaced = _displaced(folder, temp, rel)
            if displaced is None or sha256(displaced) != expected:
                _restore(folder, temp, name)
                raise _changed(rel)
            _discard(folder, temp)
            _sync_folder(folder)
    except OSError as error:
        raise _cannot_write(rel, error) from error


def _place_new(folder: Folder, temp: str, name: str) -> None:
    if os.name == "nt":
        os.rename(folder.at(temp), folder.at(name))  # refuses an existing target there
        return
    try:
        os.link(
            folder.at(temp),
            folder.at(name),
            src_dir_fd=folder.fd,
            dst_dir_fd=folder.fd,
            follow_symlinks=False,
        )
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        # No hard links here: reserve the name, then move the complete file over it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _COMMON
        os.close(os.open(folder.at(name), flags, 0o600, dir_fd=folder.fd))
        _rename(folder, temp, name)


def sweep(root: str, rel_dir: str, report: Callable[[str], None] = _tell_nobody) -> int:
    """Clear away temporary files whose process is dead; how many.

    `report` gets the path of each one that held somebody's save and is called otherwise now.
    """
    parts = _split(rel_dir) if rel_dir not in ("", ".") else []
    count = 0
    try:
        with _folder(root, parts, rel_dir) as folder:
            names = os.listdir(folder.fd if folder.fd is not None else folder.path)
            for name in names:
                m = TEMP.match(name)
                if m is not None and not _alive(int(m["pid"])):
                    rescued = _clear(folder, name)
                    count += 1
                    if rescued is not None:
                        report("/".join([*parts, rescued]))
    except (OSError, UnsafePath):
        return count  # tidying up is never worth a failure
    return count


def _alive(pid: int) -> bool:
    if sys.platform == "win32" or pid <= 0:
        return True  # there is no harmless way to ask
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
