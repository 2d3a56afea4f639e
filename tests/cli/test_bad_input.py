"""Odd input and odd surroundings: one sentence, one hint, the right exit code, nothing lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import database_of, state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
NOBODY = 65534
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
CLEAN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "CRAFTKIT_SESSION": "s1"}
FRONT = "---\nid: {0}\nname: {0}\nphase: implementation\n---\n\n## Tasks\n\n"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**more: str | None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRAFTKIT_", "GIT_")) and not name.endswith("SESSION_ID")
    }
    wanted = kept | CLEAN | more
    return {name: value for name, value in wanted.items() if value is not None}


def git(where: Path, *args: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    command = ["git", *who, "-C", str(where), *args]
    subprocess.run(command, check=True, env=environment(), capture_output=True)


class Place:
    """A repository, and the command line run in forked children of this process."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo

    def __truediv__(self, name: str) -> Path:
        return self.repo / name

    @property
    def spec(self) -> Path:
        return self.repo / "specs/login.md"

    @property
    def database(self) -> Path:
        return database_of(self.repo)

    def run(self, *args: str, user: int = 0, cwd: str = ".", **env: str | None) -> Ran:
        streams = [self.repo.parent / name for name in ("stdout", "stderr")]
        for path in streams:
            path.write_bytes(b"")
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(self.repo / cwd)
                for number, path in enumerate(streams, start=1):
                    os.dup2(os.open(path, os.O_WRONLY), number)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                if user and IS_ROOT:
                    os.setgroups([])
                    os.setgid(user)
                    os.setuid(user)
                os.environ.clear()
                os.environ.update(environment(**env))
                _run_here(list(args))
            finally:
                os._exit(99)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out, err = (path.read_bytes().decode() for path in streams)
        assert "Traceback" not in err and "error of its own" not in out + err, err
        return Ran(code, out, err)

    def good(self, *args: str, **more: Any) -> Any:
        """The data of a command that must exit 0."""
        ran = self.run(*args, "--json", **more)
        assert ran.code == 0 and ran.err == "", ran
        return ran.json["data"]

    def real(self, *args: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """The same as a process of its own, for what concerns the process itself."""
        env = environment(**more.pop("env", {}))
        command = [sys.executable, "-m", "craftkit", *args]
        more = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 300} | more
        return subprocess.run(command, cwd=self.repo, env=env, **more)

    def write(self, name: str, *lines: str) -> Path:
        path = self.repo / f"specs/{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FRONT.format(name) + "".join(f"{x}\n" for x in lines), encoding="utf-8")
        return path

    def recorded(self) -> list[Any]:
        """All decisions that the database holds."""
        if not self.database.exists():
            return []
        tables = ("history", "decision_tasks", "claims", "processes", "outbox")
        connection = sqlite3.connect(self.database)
        try:
            found = [connection.execute(f"select * from {t}").fetchall() for t in tables]  # noqa: S608
            base = "select spec_id, task_id, local_done, dropped from tasks order by 1, 2"
            return [*found, connection.execute(base).fetchall()]
        except sqlite3.DatabaseError:
            return [self.database.read_bytes()]
        finally:
            connection.close()

    def contents(self) -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in sorted(self.repo.rglob("*"))
            if path.is_file() and path.relative_to(self.repo).parts[0] not in (".git", ".craftkit")
        }

    def refuses(self, *args: str, code: int, name: str, says: str = "", **more: Any) -> None:
        """One sentence and one hint, the same as an envelope with `--json`, and nothing done."""
        before = self.contents(), self.recorded()
        ran = self.run(*args, **more)
        lines = ran.err.split("\n")
        assert ran.code == code and ran.out == "" and len(lines) == 3 and lines[2] == "", ran
        assert lines[0].startswith("error: ") and lines[1].startswith("hint: "), ran
        assert says in ran.err, ran
        as_json = self.run(*args, "--json", **more)
        assert as_json.code == code and as_json.err == "", as_json
        answer = as_json.json
        assert answer["ok"] is False and answer["data"] == {} and answer["schema_version"] == 1
        (note,) = answer["diagnostics"]
        assert note["code"] == name and note["severity"] == "error" and note["hint"]
        assert lines[0].endswith(printed(note["message"])), (lines, note)
        assert lines[1] == f"hint: {note['hint']}"
        assert (self.contents(), self.recorded()) == before


def printed(text: str) -> str:
    """A message as it is shown: on one line, without control characters."""
    return "".join(c for c in " ".join(text.splitlines()) if c.isprintable())


def _run_here(args: list[str]) -> None:
    from craftkit import __main__

    sys.argv = ["craftkit", *args]
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    __main__.run()


def warm_up() -> None:
    """Load everything once: the children are quicker, and another user need not read it."""
    import craftkit.commands.init
    import craftkit.commands.spec
    import craftkit.store.schema  # noqa: F401
    from craftkit.cli import main

    with contextlib.redirect_stdout(io.StringIO()):
        main(("--version",))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A set-up repository with one spec of three tasks, and a copy of it to begin anew from."""
    warm_up()
    top = tmp_path_factory.mktemp("bad").resolve()
    place = Place(top / "repo")
    place.repo.mkdir()
    git(place.repo, "init", "-q", "--template=", "-b", "main")
    git(place.repo, "commit", "-q", "--allow-empty", "-m", "begin")
    place.good("init")
    place.good("spec", "new", "Login", "--task", "One", "--task", "Two", "--task", "Three")
    sqlite3.connect(place.database).execute("pragma wal_checkpoint(truncate)").connection.close()
    shutil.copytree(place.repo, top / "template")
    return place.repo, top / "template"


@pytest.fixture
def place(built: tuple[Path, Path]) -> Place:
    repo, template = built
    shutil.rmtree(repo)
    shutil.copytree(template, repo)
    return Place(repo)


@pytest.fixture
def bare(built: tuple[Path, Path]) -> Place:
    """An empty directory, without git."""
    repo, _ = built
    shutil.rmtree(repo)
    repo.mkdir()
    return Place(repo)


def states(place: Place, *more: str) -> dict[str, str]:
    return {t["key"]: t["state"] for t in place.good("task", "list", *more)["tasks"]}


def flipped(before: bytes, after: bytes) -> list[int]:
    """Where two texts of one length differ."""
    return [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]


# --- words on the command line

USAGE: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a key almost right": (("task", "start", "T00O1"), "unknown_task", "did you mean T001"),
    "a key of nothing": (("task", "done", "elephant"), "unknown_task", "task list"),
    "an ambiguous prefix": (("task", "done", "T00"), "ambiguous_task", "T001 (line"),
    "a place": (("task", "done", "@2"), "unknown_task", "T002: `craftkit task show T002`"),
    "a place that is none": (("task", "done", "@99"), "unknown_task", "task list"),
    "control characters": (("task", "done", "T0\n\x1b[31m1\x07"), "unknown_task", ""),
    "done, and which": (("task", "done"), "task_not_named", "`craftkit task list` shows"),
    "done, and an empty word": (("task", "done", ""), "task_not_named", "gh541"),
    "reopen, and which": (("task", "reopen"), "task_not_named", "gh541"),
    "drop, and which": (("task", "drop"), "task_not_named", "gh541"),
    "no task in progress": (("task", "show"), "no_current_task", "name one"),
    "an issue of nothing": (("task", "done", "gh99"), "unknown_task", ""),
    "a number that no integer is": (("task", "done", "#" + "9" * 5000), "unknown_task", ""),
    "another digit": (("task", "done", "#\u0661"), "unknown_task", ""),
    "a short id of nothing": (("task", "done", "~k"), "unknown_task", "task list"),
    "a spec almost right": (("task", "list", "--spec", "logni"), "unknown_spec", "login?"),
    "a spec outside": (("task", "list", "--spec", "/etc/hosts"), "unknown_spec", ""),
    "a dependency almost right": (
        ("task", "add", "Four", "--depends-on", "T00O3"),
        "unknown_task",
        "did you mean T003",
    ),
    "a group of nothing": (("task", "add", "Four", "--group", "Nope"), "usage", ""),
    "a title of two lines": (("task", "add", "Four\nFive"), "usage", "one line"),
    "a title that colours": (("task", "add", "\x1b[31mFour"), "usage", "cannot be seen"),
    "no title": (("task", "add", "  "), "usage", "title"),
    "a title like a link": (("task", "add", "Four (#12)"), "usage", "words"),
    "a spec without a name": (("spec", "new", " \t"), "usage", "name"),
    "a spec name that colours": (("spec", "new", "a\x1b[31mb"), "usage", "name"),
    "a task of two lines": (("spec", "new", "Other", "--task", "a\nb"), "usage", "one line"),
    "a task without words": (("spec", "new", "Other", "--task", ""), "usage", "title"),
    "a slug that climbs": (("spec", "new", "Other", "--slug", "../x"), "usage", "file name"),
    "a spec that is there": (("spec", "new", "Login"), "usage", "exists"),
    "a phase too far": (("spec", "phase", "review"), "illegal_phase", "spec phase design"),
    "no such phase": (("spec", "phase", "later"), "usage", "requirements"),
    "no reason": (("spec", "phase", "review", "--force"), "usage", "--reason"),
    "no such process": (("process", "show", "99"), "unknown_process", "process list"),
    "an unknown command": (("frob",), "usage", "craftkit --help"),
    "a mistyped command": (("statsu",), "usage", "'status'"),
    "an unknown verb": (("task", "strat", "T001"), "usage", "'start'"),
    "an unknown flag": (("task", "list", "--frob"), "usage", "craftkit task list --help"),
    "an unknown flag in front": (("--frob", "status"), "usage", "--help"),
    "a missing word": (("task", "start"), "usage", "craftkit task start --help"),
    "a word too many": (("task", "done", "T001", "T002"), "usage", "T002"),
    "no number": (("history", "--limit", "many"), "usage", "many"),
    "a number too small": (("history", "--limit", "0"), "usage", ""),
}


@pytest.mark.parametrize("case", list(USAGE))
def test_a_word_that_cannot_be_meant(place: Place, case: str) -> None:
    args, name, says = USAGE[case]
    place.refuses(*args, code=2, name=name, says=says)


def test_control_characters_of_a_key_are_not_printed(place: Place) -> None:
    err = place.run("task", "done", "T0\n\x1b[2J\x9b31m1\x07").err
    assert err.count("\n") == 2 and not any(c in err for c in "\x1b\x9b\x07")


def test_json_in_front_of_the_command_is_still_json(place: Place) -> None:
    for args, command in ((("--json", "status"), "status"), (("task", "--json"), "task")):
        ran = place.run(*args)
        assert ran.code == 2 and ran.json["command"] == command
        assert "behind the command" in ran.json["diagnostics"][0]["hint"]


def test_the_envelope_names_the_command_only(place: Place) -> None:
    for args, command in (
        (("status", "extra"), "status"),
        (("task", "done", "T001", "T002"), "task done"),
        (("nothing", "here"), ""),
    ):
        assert place.run(*args, "--json").json["command"] == command


def test_an_option_without_its_value(place: Place) -> None:
    ran = place.run("task", "list", "--spec")
    assert ran.code == 2 and "hint: see `craftkit task list --help`" in ran.err


def test_a_very_long_title(place: Place) -> None:
    before = place.spec.read_bytes()
    title = "long " * 20_000
    task = place.good("task", "add", title)["task"]
    assert task["key"] == "T004" and task["title"] == title.strip()
    assert place.spec.read_bytes() == before + f"- [ ] T004 {title.strip()}\n".encode()
    assert len(place.good("session-resume")["brief"]) < 2_000


def test_escapes_of_a_file_do_not_reach_the_terminal(place: Place) -> None:
    place.write("evil", "- [ ] T001 \x1b]0;owned\x07\x1b[2J\x9b31m red\x00\x7f")
    for command in (("task", "list"), ("task", "next"), ("task", "start", "T001"), ("status",)):
        ran = place.run(*command, *(() if command == ("status",) else ("--spec", "evil")))
        assert ran.code == 0
        assert not any(c in ran.out + ran.err for c in "\x1b\x9b\x07\x00\x7f")


# --- two at once


def test_two_sessions_on_one_task(place: Place) -> None:
    place.good("task", "start", "T001", CRAFTKIT_SESSION="s2")
    place.refuses("task", "start", "T001", code=6, name="task_claimed", says="--take-over")
    assert place.good("task", "start", "T001", "--take-over")["task"]["holder"] == "s1"
    place.refuses(
        "task", "start", "T001", code=6, name="task_claimed", says="s1", CRAFTKIT_SESSION="s2"
    )


def test_two_tasks_in_one_session(place: Place) -> None:
    place.good("task", "start", "T001")
    place.refuses("task", "start", "T002", code=2, name="another_task_in_progress", says="--switch")


def test_a_key_of_two_specs(place: Place) -> None:
    shutil.rmtree(place / "specs")
    place.write("alpha", "- [ ] T001 One", "- [ ] T002 Two")
    place.write("beta", "- [ ] T001 One")
    place.refuses("task", "done", "T001", code=2, name="ambiguous_task", says="--spec alpha")
    place.refuses("task", "done", "T9", code=2, name="unknown_task", says="spec list")
    place.refuses("task", "done", code=2, name="ambiguous_spec", says="alpha, beta")


# --- where the command runs


def test_not_set_up(bare: Place) -> None:
    for command in (("status",), ("task", "done", "T001"), ("doctor",)):
        bare.refuses(*command, code=2, name="not_set_up", says="craftkit init")
    assert list(bare.repo.iterdir()) == []


def whole_loop(place: Place) -> None:
    """From nothing to a task that is done."""
    place.good("init")
    place.good("spec", "new", "Login", "--task", "One")
    place.good("task", "start", "T001")
    assert place.good("task", "done", "T001")["applied"] is True
    assert place.good("session-resume")["progress"] == {"done": 1, "total": 1}


def test_without_git(bare: Place) -> None:
    assert bare.good("init")["git"] is False
    whole_loop(bare)
    assert "not a git repository" in bare.run("init").out


def test_a_git_file_that_leads_nowhere(bare: Place) -> None:
    """As in a container that has a worktree and not its repository: only the files are read."""
    before = bare.write("demo", "- [ ] T001 One").read_bytes()
    (bare / ".git").write_text("gitdir: /nowhere/at/all/.git/worktrees/side\n")
    bare.refuses("init", code=1, name="git_directory_missing", says="/nowhere/at/all/.git ")
    bare.refuses("task", "done", "T001", code=1, name="git_directory_missing", says="mount")
    assert [t["key"] for t in bare.good("task", "list")["tasks"]][:1] == ["T001"]
    assert (bare / "specs/demo.md").read_bytes() == before
    assert not (bare / ".craftkit").exists()


def test_a_repository_without_commits(bare: Place) -> None:
    git(bare.repo, "init", "-q")
    whole_loop(bare)


def test_a_detached_head(place: Place) -> None:
    git(place.repo, "checkout", "-q", "--detach")
    place.good("task", "start", "T001")
    assert place.good("task", "done", "T001")["task"]["key"] == "T001"
    place.good("spec", "new", "Other")
    assert "\nbranch: null\n" in (place / "specs/other.md").read_text()


def test_a_bare_repository(bare: Place) -> None:
    git(bare.repo, "init", "-q", "--bare")
    before = sorted(path.name for path in bare.repo.iterdir())
    bare.refuses("init", code=2, name="usage", says="worktree")
    bare.refuses("status", code=2, name="not_set_up")
    assert sorted(path.name for path in bare.repo.iterdir()) == before


def test_a_branch_name_that_yaml_would_misread(place: Place) -> None:
    git(place.repo, "checkout", "-q", "-b", 'odd"name')
    place.good("spec", "new", "Other")
    shown = place.good("spec", "show", "--spec", "other")["spec"]
    assert shown["branch"] == 'odd"name'


def test_a_directory_that_is_gone(place: Place) -> None:
    code = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
        f" sys.path.insert(0, {str(Path(__file__).parents[2])!r});"
        " sys.argv = ['craftkit', *sys.argv[1:]]; from craftkit.__main__ import run; run()"
    )
    for command in (["status"], ["init"], ["spec", "check", "x.md"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command],
            cwd=place.repo,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2 and done.stderr.count("\n") == 2, done
        assert "does not exist any more" in done.stderr


# --- spec files


def test_no_spec(place: Place) -> None:
    shutil.rmtree(place / "specs")
    for command in (("task", "list"), ("task", "done", "T001"), ("spec", "show")):
        place.refuses(*command, code=2, name="unknown_spec", says="spec new")
    assert place.good("status")["spec"] is None
    assert place.good("session-resume")["progress"] == {"done": 0, "total": 0}


def test_invalid_front_matter(place: Place) -> None:
    """The tasks are read all the same; only what is said in the front matter is not changed."""
    text = place.spec.read_bytes().replace(b"phase: requirements", b"phase: [requirements")
    place.spec.write_bytes(text)
    attention = place.good("status")["attention"]
    assert [a["code"] for a in attention] == ["invalid_front_matter"] and attention[0]["hint"]
    place.refuses("spec", "phase", "design", code=5, name="spec_needs_attention", says="line")
    assert place.good("task", "done", "T001")["applied"] is True
    assert len(flipped(text, place.spec.read_bytes())) == 1
    assert place.run("spec", "check", "specs/login.md").code == 1


def test_front_matter_without_an_end(place: Place) -> None:
    """The file is as somebody's editor left it half-way: it stays the spec that it was."""
    text = place.spec.read_bytes()
    place.spec.write_bytes(text.replace(b"\n---\n", b"\n", 1))
    attention = place.good("status")["attention"]
    assert [a["code"] for a in attention] == ["invalid_front_matter"] and attention[0]["hint"]
    assert place.good("status")["spec"]["id"] == "login"
    place.refuses("spec", "phase", "design", code=5, name="spec_needs_attention", says="never ends")
    assert place.good("task", "done", "T001")["applied"] is True
    assert place.run("spec", "check", "specs/login.md").code == 1


def test_front_matter_that_cannot_be_edited(place: Place) -> None:
    text = place.spec.read_bytes()
    place.spec.write_bytes(text.replace(b"phase: requirements", b"phase: >\n  requirements"))
    place.refuses("spec", "phase", "design", code=5, name="spec_needs_attention", says="one line")
    assert place.good("process", "list")["processes"] == []


def test_conflict_markers(place: Place) -> None:
    text = place.spec.read_bytes()
    ours, theirs = b"<<<<<<< HEAD\n- [ ] T003 Three\n=======\n", b"- [x] T003 Three\n>>>>>>> x\n"
    place.spec.write_bytes(text.replace(b"- [ ] T003 Three\n", ours + theirs))
    for command in (("task", "done", "T003"), ("spec", "update"), ("spec", "phase", "design")):
        place.refuses(*command, code=5, name="spec_needs_attention", says="conflict")
    place.good("task", "done", "T001")
    ours, theirs = b"<<<<<<< HEAD\nphase: design\n=======\n", b"phase: review\n>>>>>>> x\n"
    place.spec.write_bytes(text.replace(b"phase: requirements\n", ours + theirs))
    for command in (("task", "done", "T002"), ("task", "add", "Four"), ("spec", "update")):
        place.refuses(*command, code=5, name="spec_needs_attention", says="conflict")


def test_a_cycle_is_named_as_one(place: Place) -> None:
    place.write(
        "ring",
        "- [ ] T001 One (depends on T003)",
        "- [ ] T002 Two (depends on T001)",
        "- [ ] T003 Three (depends on T002)",
        "- [ ] T004 Four (depends on T004)",
    )
    ran = place.run("spec", "check", "specs/ring.md")
    assert ran.code == 1
    assert "T001 → T003 → T002 → T001" in ran.out and "T004 → T004" in ran.out
    following = place.run("task", "next", "--spec", "ring")
    assert following.code == 0 and "none of the 4 open tasks is ready" in following.out


def test_the_active_spec_is_deleted(place: Place) -> None:
    """Another spec must not take its place: the same key is another task there."""
    place.good("task", "start", "T002")
    kept = place.spec.read_bytes()
    place.spec.unlink()
    place.refuses("task", "done", code=2, name="unknown_spec", says="bring its file back")
    other = place.write("other", "- [ ] T002 Something else")
    for command in (("task", "done"), ("task", "done", "T002"), ("task", "next")):
        place.refuses(*command, code=2, name="unknown_spec", says="--spec other")
    resumed = place.good("session-resume")
    assert resumed["spec"] is None and "login" in resumed["brief"]
    assert resumed["next_command"] == "craftkit spec use SPEC"
    assert place.good("status", CRAFTKIT_SESSION="new")["spec"]["id"] == "other"
    assert b"[ ] T002" in other.read_bytes()
    place.spec.write_bytes(kept)
    assert place.good("status")["current"]["key"] == "T002"
    place.good("task", "done", "T002")
    assert b"[x] T002" in place.spec.read_bytes() and b"[ ] T002" in other.read_bytes()


def test_to_go_on_with_another_spec(place: Place) -> None:
    place.good("task", "start", "T002")
    place.spec.unlink()
    place.write("other", "- [ ] T001 Something else")
    place.good("session-resume", "--spec", "other")
    assert place.good("task", "done", "T001")["spec"] == "other"


def test_the_active_spec_is_renamed(place: Place) -> None:
    place.write("other", "- [ ] T001 Something else")
    place.good("session-resume", "--spec", "login")
    place.spec.rename(place / "specs/sign-in.md")
    assert place.good("status")["spec"]["path"] == "specs/sign-in.md"
    assert place.good("task", "start", "T001")["spec"] == "login"
    (place / "specs/sign-in.md").rename(place.spec)
    assert place.good("task", "done", "T001")["task"]["key"] == "T001"
    assert b"[x] T001" in place.spec.read_bytes()


def test_a_renamed_spec_without_an_id_is_another_one(place: Place) -> None:
    shutil.rmtree(place / "specs")
    plain = place / "specs/plain.md"
    plain.parent.mkdir()
    plain.write_text("## Tasks\n\n- [ ] T001 One\n")
    place.good("task", "start", "T001", "--spec", "plain")
    plain.rename(place / "specs/moved.md")
    place.refuses("task", "done", code=2, name="unknown_spec", says="--spec moved")


def interrupt_done(place: Place) -> None:
    """Record `task done T001`, and be killed before the file is changed."""
    pid = os.fork()
    if pid == 0:
        try:
            os.environ.update(CLEAN)
            os.chdir(place.repo)
            from craftkit.cli import main
            from craftkit.loop import spec_writer

            spec_writer.rewrite = lambda *_: os._exit(7)
            main(("task", "done", "T001"))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert b"[ ] T001" in place.spec.read_bytes()


def test_an_interrupted_operation_follows_a_renamed_spec(place: Place) -> None:
    interrupt_done(place)
    place.spec.rename(place / "specs/sign-in.md")
    repaired = place.good("status")["repaired"]
    assert [r["code"] for r in repaired] == ["process_resumed"]
    assert b"[x] T001" in (place / "specs/sign-in.md").read_bytes()


def test_an_interrupted_operation_waits_for_a_deleted_spec(place: Place) -> None:
    interrupt_done(place)
    kept = place.spec.read_bytes()
    place.spec.unlink()
    for _ in range(2):
        notes = place.run("status", "--json").json["diagnostics"]
        assert [n["code"] for n in notes] == ["process_unfinished"] and notes[0]["hint"]
    intruder = kept.replace(b"id: login", b"id: intruder")
    place.spec.write_bytes(intruder)
    assert [n["code"] for n in place.run("status", "--json").json["diagnostics"]] == [
        "process_unfinished"
    ]
    assert place.spec.read_bytes() == intruder
    (place / "specs/moved.md").write_bytes(kept)
    assert [r["code"] for r in place.good("status")["repaired"]] == ["process_resumed"]
    assert b"[x] T001" in (place / "specs/moved.md").read_bytes()
    assert place.spec.read_bytes() == intruder


def test_an_empty_file(place: Place) -> None:
    place.spec.write_bytes(b"")
    assert place.good("task", "list")["tasks"] == []
    place.refuses("task", "done", "T001", code=2, name="unknown_task", says="task add")
    assert "no tasks yet" in place.run("task", "next").out
    assert place.good("session-resume")["progress"] == {"done": 0, "total": 0}
    assert place.spec.read_bytes() == b""
    assert place.good("task", "add", "First")["task"]["title"] == "First"


def test_a_spec_without_tasks(place: Place) -> None:
    place.good("spec", "new", "Other")
    before = (place / "specs/other.md").read_bytes()
    assert place.good("task", "next")["next"] is None
    place.refuses("task", "done", "T009", code=2, name="unknown_task", says="task add")
    place.refuses("task", "done", code=2, name="task_not_named")
    assert (place / "specs/other.md").read_bytes() == before


def test_ten_thousand_tasks(place: Place) -> None:
    lines = [f"- [ ] T{n:05d} Task {n}" for n in range(1, 10_001)]
    path = place.write("big", *lines)
    before = path.read_bytes()
    assert len(place.good("task", "list", "--spec", "big")["tasks"]) == 10_000
    assert place.good("task", "done", "T09999", "--spec", "big")["progress"]["done"] == 1
    assert len(flipped(before, path.read_bytes())) == 1
    assert place.good("status", "--spec", "big")["progress"] == {"done": 1, "total": 10_000}
    place.refuses("task", "done", "T0", "--spec", "big", code=2, name="ambiguous_task", says="more")
    place.refuses("task", "done", "T99999", "--spec", "big", code=2, name="unknown_task")


def test_a_line_of_five_megabytes(place: Place) -> None:
    path = place.write("long", "- [ ] T001 " + "x " * 2_500_000, "- [ ] T002 Two")
    for key in (b"T001", b"T002"):
        wanted = path.read_bytes().replace(b"[ ] " + key, b"[x] " + key)
        assert place.good("task", "done", key.decode(), "--spec", "long")["applied"] is True
        assert path.read_bytes() == wanted
    assert len(place.run("session-resume", "--spec", "long").out) < 2_000


def test_a_file_that_is_too_large(place: Place) -> None:
    with open(place.spec, "ab") as file:
        file.write(b"x" * 17_000_000)
    for command in (
        ("task", "list"),
        ("task", "done", "T001"),
        ("spec", "check", "specs/login.md"),
    ):
        place.refuses(*command, code=1, name="cannot_read", says="larger than 16 MB")


ODD: dict[str, bytes] = {
    "NUL bytes": b"- [ ] T004 a\0b\n\0\0\n",
    "CRLF and BOM": b"- [ ] T004 Four  \r\n",
    "no newline at the end": b"- [ ] T004 Four",
    "tabs": b"-\t[ ]\tT004\tFour\t\n",
    "other line breaks": b"- [ ] T004 a\x0cb\xe2\x80\xa8c\n",
}


@pytest.mark.parametrize("case", list(ODD))
def test_odd_bytes_survive(place: Place, case: str) -> None:
    text = place.spec.read_bytes()
    if case == "CRLF and BOM":
        text = b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
    text += ODD[case]
    place.spec.write_bytes(text)
    assert list(states(place)) == ["T001", "T002", "T003", "T004"]
    for key in ("T004", "T001"):
        before = place.spec.read_bytes()
        place.good("task", "start", key)
        place.good("task", "done", key)
        (at,) = flipped(before, place.spec.read_bytes())
        assert place.spec.read_bytes()[at : at + 1] == b"x"
        place.good("task", "reopen", key)
        assert place.spec.read_bytes() == before
    place.good("session-resume")
    assert place.spec.read_bytes() == text


def test_names_that_are_not_utf8(place: Place) -> None:
    """In the file's name, the session and a reason."""
    odd = os.fsdecode(b"caf\xe9")
    path = place / f"specs/{odd}.md"
    try:
        path.write_text("---\nid: café\nname: café\n---\n\n## Tasks\n\n- [ ] café\n", "utf-8")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    shown = place.run("spec", "list")
    assert shown.code == 0 and "caf" in shown.out
    named = ("--spec", f"specs/{odd}.md")
    (key,) = [t["key"] for t in place.good("task", "list", *named)["tasks"]]
    place.good("task", "start", key, *named, "--session", odd)
    place.good("task", "done", key, *named, "--session", odd)
    assert "- [x] café\n" in path.read_text("utf-8")
    place.good("task", "drop", "T001", "--spec", "login", "--reason", odd)
    place.refuses("task", "add", odd, "--spec", "login", code=2, name="usage")
    place.refuses("spec", "new", odd, code=2, name="usage")
    assert place.run("history").code == 0


def test_a_symlink_a_fifo_and_a_directory(place: Place) -> None:
    os.symlink("login.md", place / "specs/link.md")
    os.mkfifo(place / "specs/pipe.md")
    (place / "specs/folder.md").mkdir()
    assert [s["id"] for s in place.good("spec", "list")["specs"]] == ["login"]
    for name in ("link", "pipe", "folder"):
        for command in (("task", "list"), ("task", "done", "T001")):
            place.refuses(
                *command, "--spec", f"specs/{name}.md", code=1, name="unsafe_path", says="regular"
            )
    place.refuses("spec", "check", "specs/pipe.md", code=1, name="cannot_read", says="FIFO")
    place.refuses("spec", "check", "specs/folder.md", code=1, name="cannot_read", says="directory")


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_the_active_spec_becomes_something_else(place: Place, kind: str) -> None:
    place.good("task", "start", "T001")
    place.spec.rename(place / "kept.md")
    if kind == "symlink":
        os.symlink("../kept.md", place.spec)
    elif kind == "fifo":
        os.mkfifo(place.spec)
    else:
        place.spec.mkdir()
    place.refuses("task", "done", code=1, name="unsafe_path", says="regular file")
    assert b"[ ] T001" in (place / "kept.md").read_bytes()


def test_a_folder_of_specs_that_is_a_symlink(place: Place) -> None:
    (place / "specs").rename(place / "elsewhere")
    os.symlink("elsewhere", place / "specs")
    place.refuses("spec", "new", "Other", code=1, name="unsafe_path", says="symlink")


# --- configuration and database

CONFIG: dict[str, tuple[bytes, str]] = {
    "no YAML": (b"github: [a\n", "line 2"),
    "NUL": (b"a\0b", "YAML"),
    "not UTF-8": (b"\xff\xfe", "UTF-8"),
    "a list": (b"- a\n- b\n", "mapping"),
    "nested too deeply": (b"[\n" * 600, "YAML"),
    "a list for a word": (b"github:\n  repo: [a, b]\n", "github.repo"),
    "no number": (b"session:\n  live_minutes: soon\n", "live_minutes"),
    "not a number": (b"session:\n  live_minutes: nan\n", "live_minutes"),
    "a mapping for a list": (b"specs:\n  task_sections:\n    a: {b: c}\n", "task_sections"),
}


@pytest.mark.parametrize("case", list(CONFIG))
def test_a_configuration_that_cannot_be_understood(place: Place, case: str) -> None:
    data, says = CONFIG[case]
    (place / ".craftkit/config.yaml").write_bytes(data)
    for command in (("status",), ("task", "done", "T001"), ("init",), ("doctor",)):
        place.refuses(*command, code=2, name="bad_config", says=says)
    assert (place / ".craftkit/config.yaml").read_bytes() == data


def test_one_word_for_a_list_of_one(place: Place) -> None:
    place.spec.write_bytes(place.spec.read_bytes().replace(b"## Tasks", b"## Chores"))
    assert states(place) == {}
    (place / ".craftkit/config.yaml").write_text("specs:\n  task_sections: Chores\n")
    assert list(states(place)) == ["T001", "T002", "T003"]


def test_a_setting_in_the_environment_that_cannot_be_understood(place: Place) -> None:
    place.refuses(
        "task",
        "list",
        code=2,
        name="bad_config",
        says="CRAFTKIT_SESSION_LIVE_MINUTES",
        CRAFTKIT_SESSION_LIVE_MINUTES="soon",
    )


@pytest.mark.parametrize("size", [100, 4096, -4096])
def test_a_truncated_database(place: Place, size: int) -> None:
    place.good("task", "done", "T001")
    sqlite3.connect(place.database).execute("pragma wal_checkpoint(truncate)").connection.close()
    data = place.database.read_bytes()[:size]
    place.database.write_bytes(data)
    for command in (("status",), ("task", "done", "T002"), ("history",)):
        place.refuses(*command, code=1, name="database_unusable", says="doctor --fix")
    assert place.database.read_bytes() == data
    assert place.run("doctor").code == 1
    assert place.good("doctor", "--fix")["healthy"] is True
    assert states(place) == {"T001": "done", "T002": "todo", "T003": "todo"}
    (aside,) = state_of(place).glob("craftkit.db.damaged-*[0-9]")
    assert aside.read_bytes() == data


def test_an_empty_database_is_filled_again(place: Place) -> None:
    place.good("task", "done", "T001")
    for path in state_of(place).glob("craftkit.db*"):
        path.unlink()
    place.database.touch()
    assert states(place) == {"T001": "done", "T002": "todo", "T003": "todo"}
    assert place.good("task", "done", "T002")["applied"] is True


def test_a_directory_in_the_place_of_the_database(place: Place) -> None:
    for path in state_of(place).glob("craftkit.db*"):
        path.unlink()
    place.database.mkdir()
    ran = place.run("task", "done", "T001", "--json")
    assert ran.code == 0 and ran.json["diagnostics"][0]["code"] == "database_unwritable"
    place.database.rmdir()
    assert states(place)["T001"] == "done"


def test_a_newer_database(place: Place) -> None:
    connection = sqlite3.connect(place.database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for command in (("task", "done", "T001"), ("status",), ("session-resume",)):
        place.refuses(*command, code=2, name="database_newer", says="upgrade")


# --- what may not be written


@pytest.fixture
def closed() -> Iterator[Place]:
    """A directory in which a user who is not root can be shut out."""
    warm_up()
    top = Path(tempfile.mkdtemp(prefix="craftkit-closed-")).resolve()
    top.chmod(0o755)
    place = Place(top / "repo")
    place.repo.mkdir()
    if IS_ROOT:
        os.chown(place.repo, NOBODY, NOBODY)
    try:
        yield place
    finally:
        for folder, _, _ in os.walk(top):
            os.chmod(folder, 0o700)
        shutil.rmtree(top)


def test_a_read_only_directory(closed: Place) -> None:
    closed.repo.chmod(0o555)
    closed.refuses("init", code=1, name="cannot_write", says="permissions", user=NOBODY)
    assert list(closed.repo.iterdir()) == []


def test_specs_that_cannot_be_written(closed: Place) -> None:
    """A decision waits in the database; what is only in the file is refused."""
    closed.good("init", user=NOBODY)
    closed.good("spec", "new", "Login", "--task", "One", "--task", "Two", user=NOBODY)
    before = closed.spec.read_bytes()
    (closed / "specs").chmod(0o555)
    answer = closed.run("task", "done", "T001", "--json", user=NOBODY)
    assert answer.code == 0 and answer.json["data"]["applied"] is False
    notes = {note["code"]: note for note in answer.json["diagnostics"]}
    assert "Permission denied" in notes["recorded_not_applied"]["message"]
    assert notes["recorded_not_applied"]["hint"] and closed.spec.read_bytes() == before
    for command in (("task", "add", "Three"), ("spec", "new", "Other")):
        ran = closed.run(*command, "--json", user=NOBODY)
        assert ran.code == 1 and ran.json["diagnostics"][-1]["code"] == "cannot_write"
    assert closed.run("spec", "phase", "design", user=NOBODY).code == 0
    (closed / "specs").chmod(0o755)
    assert len(closed.good("status", user=NOBODY)["repaired"]) == 2
    after = closed.spec.read_bytes()
    assert b"[x] T001" in after and b"[ ] T002" in after and b"phase: design" in after


def test_a_spec_that_cannot_be_read(closed: Place) -> None:
    closed.good("init", user=NOBODY)
    closed.good("spec", "new", "Login", "--task", "One", user=NOBODY)
    closed.spec.chmod(0)
    ran = closed.run("task", "done", "T001", "--json", user=NOBODY)
    assert ran.code == 1 and ran.json["diagnostics"][0]["code"] == "cannot_read"
    assert "permissions" in ran.json["diagnostics"][0]["hint"]


# --- the process and its streams


def test_a_reader_that_stops_reading(place: Place) -> None:
    place.write("big", *(f"- [ ] T{n:05d} {'word ' * 40}" for n in range(1, 2_000)))
    command = [sys.executable, "-m", "craftkit", "task", "list", "--spec", "big"]
    for more in ([], ["--json"]):
        writer = subprocess.Popen(
            [*command, *more],
            cwd=place.repo,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert writer.stdout is not None and writer.stderr is not None
        assert writer.stdout.readline()
        writer.stdout.close()
        said = writer.stderr.read().decode()
        writer.stderr.close()
        assert writer.wait(300) in (0, 1) and "Traceback" not in said and "Exception" not in said


def closing(*numbers: int) -> Callable[[], None]:
    return lambda: [os.close(number) for number in numbers] and None


def test_closed_stdin(place: Place) -> None:
    place.good("task", "start", "T001")
    done = place.real("task", "start", "T002", preexec_fn=closing(0))
    assert done.returncode == 2 and done.stderr.count(b"\n") == 2 and b"--switch" in done.stderr


def test_closed_stdout_and_stderr(place: Place) -> None:
    """The database must not become stdout, nor words be printed as data."""
    done = place.real("task", "done", "T001", preexec_fn=closing(0, 1, 2))
    assert done.returncode == 0 and b"[x] T001" in place.spec.read_bytes()
    done = place.real("task", "list", preexec_fn=closing(2))
    assert done.returncode == 0 and b"done in" not in done.stdout and b"T001" in done.stdout
    done = place.real("task", "list", preexec_fn=closing(1))
    assert done.returncode == 0 and done.stderr == b"1/3 done in specs/login.md\n"
    assert place.good("doctor")["healthy"] is True


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_that_cannot_be_printed(place: Place) -> None:
    for more in ((), ("--json",)):
        with open("/dev/full", "wb") as full:
            done = place.real(
                "task", "list", *more, capture_output=False, stdout=full, stderr=subprocess.PIPE
            )
        lines = [x for x in done.stderr.decode().splitlines() if not x.startswith("0/3")]
        assert done.returncode == 1 and len(lines) == 2, done
        assert "cannot be printed" in lines[0] and lines[1].startswith("hint: ")


def test_without_a_home(place: Place) -> None:
    gone = dict.fromkeys(("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"))
    assert place.good("task", "done", "T001", **gone)["applied"] is True


JAPANESE = "パスキーでログインする"


@pytest.mark.parametrize("forced", [False, True])
def test_a_locale_without_japanese(place: Place, forced: bool) -> None:
    """With LC_ALL=C Python switches to UTF-8 itself, unless it is told not to."""
    path = place.write("wide", f"- [ ] T001 {JAPANESE}", "- [ ] T002 Two")
    before = path.read_bytes()
    env = {"LC_ALL": "C"}
    if forced:
        env |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (("task", "list"), ("task", "start", "T001"), ("session-resume",)):
        done = place.real(*command, "--spec", "wide", env=env)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done
        if not forced:
            assert JAPANESE.encode() in done.stdout
    listed = json.loads(place.real("task", "list", "--spec", "wide", "--json", env=env).stdout)
    assert listed["data"]["tasks"][0]["title"] == JAPANESE
    assert place.real("task", "done", "T001", "--spec", "wide", env=env).returncode == 0
    assert len(flipped(before, path.read_bytes())) == 1


def on_terminal(place: Place, *args: str, **env: str | None) -> str:
    """What a command prints when stdout and stderr are a terminal."""
    import pty

    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "craftkit", *args],
        cwd=place.repo,
        env=environment(TERM="xterm", **env),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # Linux says EIO at the end
        while chunk := os.read(ours, 65536):
            said += chunk
    os.close(ours)
    child.wait(300)
    return said.decode()


def test_no_color(place: Place) -> None:
    place.good("task", "done", "T001")
    assert "\x1b[" in on_terminal(place, "task", "list", NO_COLOR=None)
    assert "\x1b[" not in on_terminal(place, "task", "list", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(place, "task", "done", "T9", NO_COLOR="1")


@pytest.mark.parametrize("columns", ["20", "1", "0", "many"])
def test_a_narrow_terminal(place: Place, columns: str) -> None:
    title = "A title that is quite a bit longer than twenty columns"
    place.good("task", "add", title)
    listed = place.run("task", "list", COLUMNS=columns)
    assert listed.code == 0 and title in listed.out
    for command in (("status",), ("--help",), ("task", "start", "--help")):
        assert place.run(*command, COLUMNS=columns).code == 0
    place.refuses(
        "task", "frob", code=2, name="usage", says="craftkit task --help", COLUMNS=columns
    )
