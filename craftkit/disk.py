"""Reading files that may be anything.  Loaded by every hook, so it imports next to nothing."""

import errno
import os
import stat


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
