"""Repositories of every form, and the users who come to them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import commands

from craftkit import repo as craftkit_repo

NOBODY, STRANGER = 65534, 65533
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
STORED = Path(__file__).parents[1] / "unit/stored"
LINES = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 6))
SPEC = f"---\nid: demo\nname: Demo\nphase: implementation\n---\n\n## Tasks\n\n{LINES}"
GIT_ENV = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(where: Path, *args: str) -> str:
    known = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "safe.directory=*")
    done = subprocess.run(
        ["git", *who, "-c", "protocol.file.allow=always", "-C", str(where), *args],
        check=True,
        env={**known, **GIT_ENV},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


class Ground(NamedTuple):
    """Where somebody works, and the folder that holds all of it."""

    top: Path
    work: Path
    user: int = 0

    def ck(self, *args: str, cwd: Path | None = None, **env: str) -> commands.Done:
        return commands.run(*args, cwd=cwd or self.work, env=self.env | env, user=self.user)

    def ok(self, *args: str, cwd: Path | None = None, **env: str) -> Any:
        """The answer of a command that must end well."""
        done = self.ck(*args, "--json", cwd=cwd, **env)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def hook(self, event: str, cwd: Path | None = None, edited: Path | None = None) -> str:
        """What a hook of Claude Code says to the model."""
        payload: dict[str, Any] = {"session_id": "abc", "cwd": str(cwd or self.work)}
        if edited is not None:
            payload |= {"tool_name": "Edit", "tool_input": {"file_path": str(edited)}}
        given = json.dumps(payload)
        done = commands.run(
            event,
            cwd=cwd or self.work,
            env=self.env,
            given=given,
            program=commands.HOOK,
            user=self.user,
        )
        assert done.returncode == 0, done
        answer = json.loads(done.stdout) if done.stdout else {}
        return str(answer.get("hookSpecificOutput", {}).get("additionalContext", ""))

    @property
    def env(self) -> dict[str, str]:
        path = {"PATH": os.environ["PATH"], "HOME": str(self.top), "NO_COLOR": "1"}
        return path | GIT_ENV | {"CRAFTKIT_SESSION": "abc"}

    @property
    def state(self) -> Path:
        found = craftkit_repo.find(str(self.work))
        assert found is not None
        return Path(found.state_dir)

    @property
    def spool(self) -> list[Path]:
        return sorted((self.work / ".craftkit/spool").glob("*.json"))

    @property
    def text(self) -> str:
        return (self.work / "specs/demo.md").read_text(encoding="utf-8")

    def tick(self, key: str) -> None:
        path = self.work / "specs/demo.md"
        path.write_text(self.text.replace(f"[ ] {key}", f"[x] {key}"), encoding="utf-8")

    def ask(self, sql: str, name: str = "") -> list[tuple[Any, ...]]:
        sandbox = self.state / "sandbox.db"
        path = sandbox if sandbox.exists() else self.state / "craftkit.db"
        path = self.state / name if name else path
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(sql).fetchall()

    def decided(self) -> list[tuple[str, str]]:
        return self.ask("select action, task_id from decision_tasks order by rowid")

    def give_to(self, user: int) -> None:
        """Everything belongs to a user, as if that one had made it."""
        for folder, folders, files in os.walk(self.top):
            for name in (".", *folders, *files):
                os.chown(os.path.join(folder, name), user, user, follow_symlinks=False)


@contextmanager
def folder(*, on_disk: bool = False) -> Iterator[Path]:
    """A folder that other users reach too; pytest's own are closed to them.

    A sandbox has a `/dev` of its own, so that what is used in one has to be `on_disk`.
    """
    place = "/var/tmp" if on_disk else None
    top = Path(tempfile.mkdtemp(prefix="craftkit-state-", dir=place)).resolve()
    top.chmod(0o755)
    try:
        yield top
    finally:
        for path in (top, *top.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(top)


def _repository(place: Path, *flags: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    git(place, "init", "-q", "-b", "main", *flags)
    (place / "specs").mkdir()
    (place / "specs/demo.md").write_text(SPEC, encoding="utf-8")
    git(place, "add", ".")
    git(place, "commit", "-qm", "spec")
    return place


def _worktree(repository: Path, place: Path) -> Path:
    git(repository, "worktree", "add", "-q", str(place), "-b", place.name)
    return place


def _main(top: Path) -> Path:
    return _repository(top / "repo")


def _linked(top: Path) -> Path:
    return _worktree(_repository(top / "repo"), top / "side")


def _bare_with_file(top: Path) -> Path:
    source = _repository(top / "source")
    (top / "repo").mkdir()
    git(top, "clone", "-q", "--bare", str(source), str(top / "repo/.bare"))
    (top / "repo/.git").write_text("gitdir: ./.bare\n")
    return _worktree(top / "repo", top / "repo/side")


def _bare_beside(top: Path) -> Path:
    source = _repository(top / "source")
    git(top, "clone", "-q", "--bare", str(source), str(top / "repo.git"))
    return _worktree(top / "repo.git", top / "side")


def _bare_as_dot_git(top: Path) -> Path:
    source = _repository(top / "source")
    git(top, "clone", "-q", "--bare", str(source), str(top / "repo/.git"))
    return _worktree(top / "repo/.git", top / "repo/side")


def _super(top: Path) -> Path:
    source = _repository(top / "source")
    (top / "super").mkdir()
    git(top / "super", "init", "-q", "-b", "main")
    git(top / "super", "submodule", "--quiet", "add", str(source), "lib")
    git(top / "super", "commit", "-qm", "lib")
    return top / "super"


def _submodule(top: Path) -> Path:
    return _super(top) / "lib"


def _submodule_of_linked(top: Path) -> Path:
    side = _worktree(_super(top), top / "side")
    git(side, "submodule", "--quiet", "update", "--init")
    return side / "lib"


def _worktree_of_submodule(top: Path) -> Path:
    return _worktree(_super(top) / "lib", top / "side")


def _separate(top: Path) -> Path:
    (top / "elsewhere").mkdir()
    return _repository(top / "repo", "--separate-git-dir", str(top / "elsewhere/git"))


def _jj(top: Path) -> Path:
    work = _repository(top / "repo")
    (work / ".jj/repo").mkdir(parents=True)
    return work


def _plain(top: Path) -> Path:
    (top / "repo/specs").mkdir(parents=True)
    (top / "repo/specs/demo.md").write_text(SPEC, encoding="utf-8")
    return top / "repo"


def _nowhere(top: Path) -> Path:
    """A worktree in a container that has not got the repository; see `lose`."""
    return _linked(top)


NOWHERE = "worktree without its repository"
PLACES: dict[str, Callable[[Path], Path]] = {
    "main worktree": _main,
    "linked worktree": _linked,
    "worktree of `.bare` with a `.git` file": _bare_with_file,
    "worktree of `repo.git` beside it": _bare_beside,
    "worktree of a bare `.git`": _bare_as_dot_git,
    "submodule": _submodule,
    "submodule of a linked worktree": _submodule_of_linked,
    "worktree of a submodule": _worktree_of_submodule,
    "`--separate-git-dir`": _separate,
    "jj, colocated": _jj,
    "without git": _plain,
    NOWHERE: _nowhere,
}


def make(place: str, top: Path) -> Ground:
    """A place of this kind, where nobody has used craftkit yet."""
    return Ground(top, PLACES[place](top))


def lose(place: str, ground: Ground) -> None:
    """Take away what this kind of place has not got, once it is set up."""
    if place == NOWHERE:
        (ground.top / "repo").rename(ground.top / "away")


def put_old_state(ground: Ground, number: int = 4) -> Path:
    """In place of the state one of an earlier version, in `.craftkit` of the main worktree."""
    found = craftkit_repo.find(str(ground.work))
    assert found is not None
    shutil.rmtree(found.state_dir, ignore_errors=True)
    folder = Path(found.root) / ".craftkit"
    folder.mkdir(exist_ok=True)
    text = (STORED / f"schema_{number}.sql").read_text(encoding="utf-8")
    text = text.replace("'HOST:", f"'{os.uname().nodename}:").replace("/repo", found.root)
    (folder / "craftkit.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "craftkit.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")  # as it was in these versions
        connection.executescript(text)
    return folder
