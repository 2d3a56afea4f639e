"""What is given out: the source archive makes the wheel, and the wheel works where it is installed.

Nothing comes from the network: hatchling runs in this environment, and the libraries of this
environment are lent to the new one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from craftkit import __version__

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, home: Path, path: str = "") -> str:
    """The output of a command in the environment of somebody who has just come."""
    env = {"HOME": str(home), "LANG": "C.UTF-8", "PATH": path or os.environ["PATH"]}
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, target: Path) -> Path:
    command = (sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target)
    run(*command, cwd=source, home=target.parent)
    (made,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source archive."""
    place = tmp_path_factory.mktemp("sdist")
    archive = build("sdist", ROOT, place / "made")
    with tarfile.open(archive) as opened:
        # Python 3.11 had no filter at first.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        opened.extractall(place, **safe)  # type: ignore[arg-type]  # noqa: S202
    (unpacked,) = place.glob("craftkit-*")
    return unpacked


@pytest.fixture(scope="module")
def wheel(sources: Path) -> Path:
    return build("wheel", sources, sources.parent / "wheel")


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    product = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "craftkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    commands = {f"craftkit/slash-commands/{p.name}" for p in ROOT.glob("slash-commands/*.md")}
    assert held == product | commands
    data = {name.rpartition("/")[2] for name in held if not name.endswith(".py")}
    assert data >= {"opencode.js", "github.graphql", "extension.graphql", "task.md", "py.typed"}


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The programs of a new environment that holds the wheel and borrows its dependencies."""
    place = tmp_path / "venv"
    venv.create(place, symlinks=True)
    python = place / "bin/python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    offline = ("install", "-q", "--no-deps", "--no-index")
    run(*pip, *offline, wheel, cwd=tmp_path, home=tmp_path)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", where, cwd=tmp_path, home=tmp_path).strip())
    # Only these folders are lent: what their own .pth files name, such as our sources, is not.
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return place / "bin"


def test_an_installed_wheel_works_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    path = f"{installed}{os.pathsep}{os.environ['PATH']}"

    def here(*command: str | Path) -> str:
        return run(*command, cwd=work, home=tmp_path, path=path)

    origin = here(installed / "python", "-c", "import craftkit; print(craftkit.__file__)")
    assert Path(origin.strip()).is_relative_to(installed.parent)
    assert here("craftkit", "--version") == f"craftkit {__version__}\n"
    here("craftkit", "init")
    here("craftkit", "spec", "new", "X", "--task", "Y")
    assert "T001 Y" in here("craftkit", "task", "next")
    assert "T001" in here("craftkit-hook", "session-start")
    # Files that are read only here: the commands for an agent, and its plugin.
    here("craftkit", "agents", "install", "--agent", "opencode")
    written = {path.suffix for path in (work / ".opencode").rglob("*")}
    assert {".js", ".md"} <= written
