"""Exchange two names of one directory atomically, where the system can."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable

_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_SWAP = 2  # RENAME_EXCHANGE on Linux and RENAME_SWAP on macOS


@functools.cache
def _function() -> Callable[..., int] | None:
    if not sys.platform.startswith(("linux", "darwin")):
        return None
    import ctypes

    name = "renameat2" if sys.platform.startswith("linux") else "renameatx_np"
    try:
        found = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    found.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    )
    found.restype = ctypes.c_int
    call: Callable[..., int] = found
    return call


def exchange(fd: int | None, one: str, other: str) -> bool:
    """Swap two names in the directory `fd`; False where that is not supported."""
    call = _function() if fd is not None else None
    if call is None:
        return False
    import ctypes

    while call(fd, os.fsencode(one), fd, os.fsencode(other), _SWAP) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code), other)
    return True
