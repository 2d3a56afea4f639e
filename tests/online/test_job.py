"""`reconcile --job` by the real command line, over HTTP."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import loopback
import pytest
from places import state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any
OTHER = "specs/other.md"
ME = ("-c", "user.name=Me", "-c", "user.email=me@example.org")


def git(desk: Desk, *args: str, where: Path | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(where or desk.repo), *args],
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def save(desk: Desk, message: str = "work") -> None:
    git(desk, "add", "-A")
    git(desk, *ME, "commit", "-q", "-m", message)


def linked(desk: Desk, *names: str) -> Desk:
    """Specs whose two tasks each have their issues, as `spec link` leaves them, but faster."""
    desk.begin(0)
    for name in names:
        top = max(desk.issues(), default=0) + 1
        keys = {"T001": top + 1, "T002": top + 2}
        front = loopback.forked.FRONT.replace("demo", name).replace(
            "---\nid", f"---\nissue: {top}\nid"
        )
        lines = "".join(f"- [ ] {key} Task (#{number})\n" for key, number in keys.items())
        desk.write(lines, front, f"specs/{name}.md")
        mark = f"<!-- craftkit spec={name}"
        issues = [{"title": name.title(), "body": f"{mark} -->"}]
        issues += [
            {"title": f"{key} Task", "body": f"{mark} task={key} -->", "parent": top}
            for key in keys
        ]
        desk.server.add_issues(loopback.REPO, issues)
    desk.ok("reconcile", "--all")
    return desk


def two_specs(desk: Desk) -> Desk:
    return linked(desk, "demo", "other")


def job(desk: Desk, *more: str, code: int = 0, **env: str) -> Any:
    said = desk.ck("reconcile", "--job", *more, **env)
    assert said.code == code, said.words
    return said


def state(desk: Desk, number: int) -> str:
    found: str = desk.issue(number)["state"]
    return found


# What it does and says


def test_every_spec_in_plain_lines(desk: Desk) -> None:
    two_specs(desk)
    desk.replace("[ ] T001", "[x] T001")
    desk.close(6)
    said = job(desk)
    assert state(desk, 2) == "closed" and "[x] T002" in (desk.repo / OTHER).read_text()
    lines = said.out.splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (info|attention|error) +\S"
    assert all(re.match(stamp, line) for line in lines) and "\x1b" not in said.out
    assert "demo: T001 was ticked: recorded done" in lines[0]
    assert "other: ticked T002 #6" in lines[1]
    assert "2 specs, 2 settled, 0 need attention, 0 failed, 0 queued, 0 dead; exit 0" in lines[-1]
    assert len(lines) == 3 and said.err == ""
    log = (state_of(desk.repo) / "logs/craftkit.log").read_text().splitlines()
    steps = [json.loads(line) for line in log]
    assert [s["message"] for s in steps if s["step"] == "job"] == [x[31:] for x in lines]
    again = job(desk)
    assert len(again.out.splitlines()) == 1 and desk.quiet("reconcile", "--job") == []


def test_nothing_new_is_one_request(desk: Desk) -> None:
    two_specs(desk)
    job(desk)
    before = desk.requests()
    job(desk)
    assert desk.requests() - before <= 2


def test_the_active_spec_of_the_person_here_stays(desk: Desk) -> None:
    two_specs(desk)
    desk.ok("task", "start", "T001", "--spec", "demo")
    desk.ok("task", "done", "T001")
    desk.close(6)
    job(desk)
    assert "[x] T002" in (desk.repo / OTHER).read_text()
    assert desk.data("status")["spec"]["id"] == "demo"


def test_json_is_one_document(desk: Desk) -> None:
    two_specs(desk).close(2)
    answer = job(desk, "--json").answer
    assert answer["ok"] and answer["data"]["busy"] is False
    assert answer["data"]["changed"] == ["specs/demo.md"] and answer["data"]["commit"] is None
    refused = desk.ck("reconcile", "--job", "--json", GH_TOKEN="").answer
    assert refused["ok"] is False and refused["diagnostics"][0]["hint"]


def test_one_at_a_time(desk: Desk) -> None:
    linked(desk, "demo")
    desk.close(2)
    with open(state_of(desk.repo) / "job.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = desk.requests()
        said = job(desk)
        assert "another job is at work" in said.out and desk.requests() == before
        assert job(desk, "--json").answer["data"]["busy"] is True
        assert "[ ] T001" in desk.text
    job(desk)
    assert "[x] T001" in desk.text


@pytest.mark.parametrize(
    "words",
    [
        ["--job", "--check"],
        ["--job", "--dry-run"],
        ["--job", "--spec", "demo"],
        ["--commit"],
        ["--job", "--push"],
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together(desk: Desk, words: list[str]) -> None:
    desk.begin(1)
    said = desk.ck("reconcile", *words)
    assert said.code == 2 and "hint:" in said.err and desk.requests() == 0


# How it ends


@pytest.mark.parametrize("token", ["", "ghp_nonsense"])
def test_4_without_a_good_token(desk: Desk, token: str) -> None:
    linked(desk, "demo")
    said = job(desk, code=4, GH_TOKEN=token)
    assert said.out.count(" error ") == 1 and "exit 4" in said.out
    assert "error:" not in said.err  # the log line has told it
    answer = desk.ck("reconcile", "--job", "--json", GH_TOKEN=token).answer
    found = [(d["severity"], d["code"]) for d in answer["diagnostics"]]
    assert found == [("error", answer["data"]["failed"][0]["code"])]
    assert answer["diagnostics"][0]["hint"] == answer["data"]["failed"][0]["hint"] != ""


def test_5_where_a_person_is_needed(desk: Desk) -> None:
    two_specs(desk).close(2, "duplicate")
    desk.close(6)
    said = job(desk, code=5)
    assert re.search(r"Z attention demo: #2 .*task drop T001.*task reopen T001", said.out)
    assert "other: ticked T002 #6" in said.out


def test_1_for_writes_that_were_given_up(desk: Desk) -> None:
    linked(desk, "demo")
    desk.server.fault({"match": {"graphql": "closeIssue"}, "action": "invalid", "times": 2})
    desk.ok("task", "done", "T001")
    said = job(desk, code=1)
    assert "1 dead; exit 1" in said.out


def test_7_while_something_waits(desk: Desk) -> None:
    linked(desk, "demo")
    desk.ok("task", "done", "T001", "--offline")
    assert "1 queued" in job(desk, "--max-writes", "0", code=7).out
    with desk.server.unreachable():
        job(desk, code=7)
    job(desk)
    assert state(desk, 2) == "closed"


def test_1_where_github_is_out_of_reach_and_nothing_waits(desk: Desk) -> None:
    linked(desk, "demo")
    with desk.server.unreachable():
        job(desk, code=1)


def test_one_spec_that_fails_does_not_stop_the_others(desk: Desk) -> None:
    two_specs(desk)
    desk.close(2)
    desk.close(6)
    os.link(desk.repo / loopback.SPEC, desk.where / "second-name")  # never written through
    said = job(desk, code=1)
    assert "[x] T002" in (desk.repo / OTHER).read_text() and "[ ] T001" in desk.text
    assert " error " in said.out and "specs/demo.md" in said.out and "1 failed" in said.out
    os.unlink(desk.where / "second-name")
    job(desk)
    assert "[x] T001" in desk.text


def test_a_spec_with_conflict_markers_does_not_stop_the_others(desk: Desk) -> None:
    two_specs(desk)
    line = "- [ ] T001 Task (#2)\n"
    desk.replace(line, f"<<<<<<< HEAD\n{line}=======\n>>>>>>> other\n")
    desk.close(6)
    said = job(desk, code=5)
    assert "demo: lines 11 to 14 are a merge conflict" in said.out
    assert "[x] T002" in (desk.repo / OTHER).read_text()


def test_where_all_together_fail_each_is_tried_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from craftkit.automation import job as jobs
    from craftkit.errors import CannotWrite
    from craftkit.sync import connection, reconcile, reconcile_report
    from craftkit.sync.merge_model import MergePlan

    def run(context: Any, specs: Any, policy: Any, **more: Any) -> reconcile_report.ReconcileReport:
        if "bad" in specs:
            return reconcile_report.ReconcileReport(
                (), connection.DeliveryStatus(0, 0), 0, CannotWrite("no")
            )
        reports = tuple(reconcile_report.SpecReport(s, MergePlan(), True) for s in specs)
        return reconcile_report.ReconcileReport(reports, connection.DeliveryStatus(0, 0), 1)

    class Named(str):
        id = property(str)

    monkeypatch.setattr(reconcile, "run", run)
    specs: Any = [Named("a"), Named("bad"), Named("c")]
    context: Any = None
    reports, requests, errors = jobs._settle_there(context, specs, jobs.JobOptions())
    assert [r.spec for r in reports] == ["a", "c"] and requests == 2
    assert [name for name, _ in errors] == ["bad"]


# The summary


def test_the_summary_has_numbers_and_states_only(desk: Desk) -> None:
    two_specs(desk)
    title = "</td><script> [x](http://evil.example) | @octo-dev"
    desk.human("PATCH", "issues/2", {"title": title, "state": "closed"})
    desk.close(6, "duplicate")
    page = desk.where / "summary.md"
    page.write_text("before\n")
    said = job(desk, code=5, GITHUB_STEP_SUMMARY=str(page))
    text = page.read_text()
    assert text.startswith("before\n### craftkit\n") and "| Spec | Task | Issue | What |" in text
    assert "| demo | T001 | &#35;2 | ticked |" in text
    assert "| other | T002 | &#35;6 | attention closed&#95;as&#95;duplicate |" in text
    assert "exit 5" in text
    for words in (text, said.out, said.err):
        assert "script" not in words and "evil" not in words and "@octo-dev" not in words


def test_the_summary_says_why_nothing_was_committed(desk: Desk) -> None:
    linked(desk, "demo")
    desk.close(2)
    page = desk.where / "summary.md"
    job(desk, "--commit", code=5, GITHUB_STEP_SUMMARY=str(page))
    assert "exit 5 (not committed&#58; specs&#47;demo&#46;md had changes" in page.read_text()


def test_the_summary_where_it_cannot_be_written(desk: Desk) -> None:
    linked(desk, "demo")
    said = job(desk, GITHUB_STEP_SUMMARY=str(desk.where / "no" / "summary.md"))
    assert "summary cannot be written" in said.out


def test_cells_are_escaped() -> None:
    from craftkit.automation.job import _escaped

    assert _escaped("a|b\n<i>`@x`\\[y](z)") == (
        "a&#124;b &#60;i&#62;&#96;&#64;x&#96;&#92;&#91;y&#93;&#40;z&#41;"
    )


# Commits


def test_nothing_is_committed_unless_asked(desk: Desk) -> None:
    two_specs(desk)
    save(desk)
    desk.close(2)
    job(desk)
    assert git(desk, "log", "--format=%s") == "work"


def test_commit_takes_the_changed_specs_and_nothing_else(desk: Desk) -> None:
    two_specs(desk)
    (desk.repo / "code.py").write_text("old\n")
    save(desk)
    (desk.repo / "code.py").write_text("in the middle of something\n")
    (desk.repo / "new.txt").write_text("untracked\n")
    desk.close(2)
    said = job(desk, "--commit")
    assert git(desk, "show", "--name-only", "--format=%an <%ae>%n%s", "HEAD").split("\n") == [
        "craftkit <noreply@craftkit.invalid>",
        "Bring spec checkboxes in step with GitHub",
        "",
        "specs/demo.md",
    ]
    assert git(desk, "status", "--porcelain") == "M code.py\n?? new.txt"
    assert f"committed {git(desk, 'rev-parse', 'HEAD')[:12]}: 1 spec" in said.out
    job(desk, "--commit")
    assert git(desk, "rev-list", "--count", "HEAD") == "2"


def test_commit_is_by_whom_git_knows(desk: Desk) -> None:
    linked(desk, "demo")
    save(desk)
    git(desk, "config", "user.name", "Me")
    git(desk, "config", "user.email", "me@example.org")
    desk.close(2)
    job(desk, "--commit")
    assert git(desk, "log", "-1", "--format=%an %ae %cn") == "Me me@example.org Me"


def test_no_commit_beside_staged_changes(desk: Desk) -> None:
    linked(desk, "demo")
    save(desk)
    (desk.repo / "code.py").write_text("staged\n")
    git(desk, "add", "code.py")
    desk.close(2)
    said = job(desk, "--commit", code=5)
    assert "not committed: the index holds staged changes" in said.out
    assert "0 dead; exit 5 (not committed)" in said.out
    assert git(desk, "rev-list", "--count", "HEAD") == "1" and "[x] T001" in desk.text
    assert git(desk, "diff", "--cached", "--name-only") == "code.py"


def test_no_commit_of_somebody_elses_edits(desk: Desk) -> None:
    two_specs(desk)
    save(desk)
    desk.replace("Demo", "Demo, half renamed")
    desk.close(2)
    desk.close(6)
    said = job(desk, "--commit", code=5)
    assert "not committed: specs/demo.md had changes of its own" in said.out
    assert git(desk, "show", "--name-only", "--format=", "HEAD") == OTHER
    assert "half renamed" in desk.text and "[x] T001" in desk.text


def test_no_commit_on_a_detached_head_or_without_one(desk: Desk) -> None:
    linked(desk, "demo")
    desk.close(2)
    assert "not tracked" in job(desk, "--commit", code=5).out
    save(desk)
    git(desk, "checkout", "-q", "--detach")
    desk.human("PATCH", "issues/2", {"state": "open"})
    assert "not committed: HEAD is detached" in job(desk, "--commit", code=5).out


def test_a_hook_that_refuses_the_commit(desk: Desk) -> None:
    linked(desk, "demo")
    save(desk)
    hook = desk.repo / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    hook.chmod(0o755)
    desk.close(2)
    assert "`git commit` failed: not today" in job(desk, "--commit", code=1).out


@pytest.fixture
def origin(desk: Desk) -> Path:
    """A remote of `desk`, which has a linked spec."""
    linked(desk, "demo")
    save(desk)
    bare = Path(desk.where) / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    git(desk, "remote", "add", "origin", str(bare))
    git(desk, "push", "-q", "-u", "origin", "main")
    return bare


def test_push_only_when_asked(desk: Desk, origin: Path) -> None:
    desk.close(2)
    job(desk, "--commit")
    assert git(desk, "rev-list", "--count", "main", where=origin) == "1"
    assert "pushed what an earlier job committed" in job(desk, "--commit", "--push").out
    assert git(desk, "rev-list", "--count", "main", where=origin) == "2"
    desk.close(3)
    assert "committed and pushed" in job(desk, "--commit", "--push").out
    assert git(desk, "rev-parse", "main", where=origin) == git(desk, "rev-parse", "HEAD")


def test_no_push_of_somebody_elses_commits(desk: Desk, origin: Path) -> None:
    (desk.repo / "code.py").write_text("mine, not to be published yet\n")
    save(desk, "mine")
    desk.close(2)
    said = job(desk, "--commit", "--push", code=5)
    assert "not pushed: main has commits of its own" in said.out
    assert git(desk, "rev-list", "--count", "main", where=origin) == "1"


def test_a_push_that_is_refused(desk: Desk, origin: Path) -> None:
    other = Path(desk.where) / "other"
    subprocess.run(["git", "clone", "-q", str(origin), str(other)], check=True)
    git(desk, *ME, "commit", "-q", "--allow-empty", "-m", "faster", where=other)
    git(desk, "push", "-q", where=other)
    desk.close(2)
    assert "`git push` failed" in job(desk, "--commit", "--push", code=1).out


# A checkout that is thrown away when the job ends


class Runner:
    """GitHub Actions: a fresh checkout each time, the database from the run before."""

    def __init__(self, desk: Desk, origin: Path) -> None:
        self.desk, self.origin = desk, origin

    def run(self, *more: str, code: int = 0) -> Any:
        state = state_of(self.desk.repo)
        kept = {p.name: p.read_bytes() for p in state.glob("*.db*")}
        git(self.desk, "fetch", "-q", "origin")
        git(self.desk, "reset", "-q", "--hard", "origin/main")
        git(self.desk, "clean", "-q", "-fdx")
        for name, data in kept.items():
            (state / name).write_bytes(data)
        return job(self.desk, *more, code=code, GITHUB_ACTIONS="true")

    def edit(self, old: str, new: str) -> None:
        """Somebody pushes a change."""
        clone = Path(self.desk.where) / "clone"
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", str(self.origin), str(clone)], check=True)
        git(self.desk, "pull", "-q", where=clone)
        text = (clone / loopback.SPEC).read_text()
        assert old in text
        (clone / loopback.SPEC).write_text(text.replace(old, new))
        git(self.desk, *ME, "commit", "-q", "-a", "-m", "edit", where=clone)
        git(self.desk, "push", "-q", where=clone)


@pytest.fixture
def runner(desk: Desk, origin: Path) -> Runner:
    for path in state_of(desk.repo).glob("*.db*"):
        path.unlink()
    return Runner(desk, origin)


def test_a_pushed_tick_closes(desk: Desk, runner: Runner) -> None:
    runner.run()
    runner.edit("[ ] T001", "[x] T001")
    runner.run()
    assert state(desk, 2) == "closed" and state(desk, 3) == "open"
    before = desk.state.world
    runner.run()
    assert desk.state.world is before


def test_what_is_not_kept_is_not_remembered(desk: Desk, runner: Runner) -> None:
    runner.run()
    desk.close(2)
    for _ in range(3):
        said = runner.run()  # never "was done, but its box is open here"
        assert "ticked T001 #2" in said.out and "1 changed spec goes away" in said.out
    assert state(desk, 2) == "closed"
    runner.edit("[ ] T001", "[x] T001")
    assert "go away" not in runner.run().out


def test_a_human_who_opens_an_issue_again_wins(desk: Desk, runner: Runner) -> None:
    runner.run()
    runner.edit("[ ] T001", "[x] T001")
    runner.run()
    desk.human("PATCH", "issues/2", {"state": "open"})
    for _ in range(3):
        assert "unticked T001 #2" in runner.run().out
        assert state(desk, 2) == "open"
    runner.edit("[x] T001", "[ ] T001")
    runner.run()
    runner.edit("[ ] T001", "[x] T001")
    runner.run()
    assert state(desk, 2) == "closed"


def test_commit_and_push_from_actions(desk: Desk, runner: Runner) -> None:
    runner.run("--commit", "--push")
    desk.close(2)
    said = runner.run("--commit", "--push")
    assert "committed and pushed" in said.out and "go away" not in said.out
    author = git(desk, "log", "-1", "--format=%an", "main", where=runner.origin)
    assert author == "github-actions[bot]"
    assert "settled, 0 need" in runner.run("--commit", "--push").out
    assert "[x] T001" in desk.text
    desk.human("PATCH", "issues/2", {"state": "open"})
    runner.run("--commit", "--push")
    assert "[ ] T001" in git(desk, "show", "main:specs/demo.md", where=runner.origin)
    assert state(desk, 2) == "open"
