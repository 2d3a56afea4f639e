"""SHA-256 by Python's own code: `hashlib` loads OpenSSL, which takes longer than reading a spec.

The modules below are the interpreter's (3.12 and later, 3.11) and may be missing; the standard
library's `random` takes its SHA-512 in the same way.
"""

from __future__ import annotations

try:
    from _sha2 import sha256 as _sha256  # type: ignore
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore
    except ImportError:
        from hashlib import sha256 as _sha256


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes in hexadecimal."""
    digest: str = _sha256(data).hexdigest()
    return digest
