"""The digest by which files are known is SHA-256, whichever module computes it."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from craftkit import digests


@given(st.binary(max_size=300))
def test_it_is_what_hashlib_says(data: bytes) -> None:
    assert digests.sha256(data) == hashlib.sha256(data).hexdigest()


def test_an_interpreter_without_modules_of_its_own() -> None:
    code = (
        "import sys; sys.modules['_sha2'] = sys.modules['_sha256'] = None\n"
        "from craftkit import digests; print(digests.sha256(b'a'))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(b"a").hexdigest()
