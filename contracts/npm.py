"""One file out of a package of the npm registry, at the version that was asked for.

`npm pack` downloads the archive and runs nothing of it; only the wanted file is read from it.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path


class NpmMissing(Exception):
    """npm is not installed, or it cannot reach its registry."""


def file_of(package: str, version: str, path: str) -> str:
    """The text of `path` within `package`."""
    with tempfile.TemporaryDirectory() as folder:
        # No retries: without a network this is to say so soon, not after minutes.
        command = ["npm", "pack", "--silent", "--fetch-retries=0", f"{package}@{version}"]
        command += ["--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise NpmMissing(f"npm pack {package}@{version} did not work: {error}") from error
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            member = packed.extractfile(f"package/{path}")
            if member is None:
                raise NpmMissing(f"{package}@{version} has no file {path}")
            return member.read().decode("utf-8")
