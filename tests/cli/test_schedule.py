"""`schedule`: crontab, systemd units and a workflow, written, recognised and taken away."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import agree

from craftkit.automation import install_source, schedule, schedule_files
from craftkit.cli import main
from craftkit.errors import UsageProblem

CRONTAB = """\
#!/bin/sh
# Keeps the table in a file beside itself, as cron's own program does for its user.
table="$(dirname "$0")/table"
case "$1" in
  -l) test -f "$table" || { echo "no crontab for tester" >&2; exit 1; }; cat "$table" ;;
  -r) rm "$table" ;;
  -) cat > "$table" ;;
  *) exit 64 ;;
esac
"""
SYSTEMCTL = """\
#!/bin/sh
here="$(dirname "$0")"
echo "$*" >> "$here/calls"
test -f "$here/broken" && { echo "Failed to connect to bus" >&2; exit 1; }
wants="$XDG_CONFIG_HOME/systemd/user/timers.target.wants"
case "$2" in
  enable) mkdir -p "$wants"; ln -sf "../$4" "$wants/$4" ;;
  disable) rm -f "$wants/$4"; rmdir "$wants" ;;
esac
exit 0
"""


def git(where: Path, *args: str) -> None:
    subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True)


class Place:
    """A repository in an awkward place, and a machine with cron and systemd."""

    def __init__(self, top: Path, said: pytest.CaptureFixture[str]) -> None:
        self.top, self.said = top, said
        self.repo = top / "50% of 'it' $HOME"
        self.bin, self.home, self.config = top / "bin", top / "home", top / "home/.config"
        for folder in (self.repo, self.bin, self.home):
            folder.mkdir()
        self.tool("crontab", CRONTAB)
        self.tool("systemctl", SYSTEMCTL)
        self.path = f"{self.bin}:{os.environ['PATH']}"
        self.table = self.bin / "table"
        self.origin = "craftkit==1.2.3"  # what this craftkit was installed from
        self.workflow = self.repo / ".github/workflows/craftkit.yml"
        self.units = self.config / "systemd/user"
        git(self.repo, "init", "-q", "--template=", "-b", "trunk")
        git(self.repo, "remote", "add", "origin", "https://github.com/octo-dev/demo.git")
        assert self("init")[0] == 0

    def tool(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def __call__(self, *args: str, **env: str) -> tuple[int, Any, str]:
        """Run a command in this process, which is quicker: code, answer, stderr."""
        env = {"PATH": self.path, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.config)} | env
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.repo)
            patch.setattr(install_source, "of_this_installation", lambda: self.origin)
            for name, value in env.items():
                patch.setenv(name, value)
            code = main(args)
        said = self.said.readouterr()
        return code, json.loads(said.out) if "--json" in args else said.out, said.err

    def do(self, verb: str, target: str, *more: str) -> Any:
        code, answer, err = self("schedule", verb, "--target", target, "--json", *more)
        assert code == 0, (answer, err)
        return answer["data"]

    def everything(self) -> dict[str, Any]:
        """All files, folders and links that a schedule could have touched."""
        found: dict[str, Any] = {}
        for path in [*self.home.rglob("*"), *self.repo.rglob("*"), self.table]:
            name = str(path.relative_to(self.top))
            if ".git/" in name or ".craftkit/" in name:
                continue
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.exists():
                found[name] = path.read_bytes() if path.is_file() else "folder"
        return found


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    for name in list(os.environ):
        if name.startswith(("CRAFTKIT_", "GIT_", "GITHUB_", "GH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Place(tmp_path.resolve(), capsys)


# Any target


@pytest.mark.parametrize("target", schedule.TARGETS)
def test_install_twice_remove_twice(place: Place, target: str) -> None:
    before = place.everything()
    assert place.do("status", target)["schedules"][0]["state"] == "absent"
    assert place.do("install", target)["changed"] is True
    installed = place.everything()
    assert installed != before
    assert place.do("status", target)["schedules"][0]["state"] == "installed"
    assert place.do("install", target)["changed"] is False
    assert place.everything() == installed
    assert place.do("install", target, "--every", "60")["changed"] is True
    assert place.everything() != installed
    place.do("install", target)
    assert place.everything() == installed
    assert place.do("remove", target)["changed"] is True
    assert place.everything() == before
    assert place.do("remove", target)["changed"] is False
    assert place.everything() == before


@pytest.mark.parametrize("target", schedule.TARGETS)
def test_print_is_what_install_writes(place: Place, target: str) -> None:
    before = place.everything()
    files = place.do("print", target)["files"]
    code, text, _ = place("schedule", "print", "--target", target)
    assert code == 0 and place.everything() == before
    place.do("install", target)
    for file in files:
        path = place.table if target == "cron" else Path(file["path"])
        lines = path.read_text().splitlines()
        assert lines[2:] == file["text"].splitlines()[2:] or target == "cron"
        assert set(file["text"].splitlines()) <= set(text.splitlines())
    if target != "systemd":
        assert text == files[0]["text"]


@pytest.mark.parametrize("target", schedule.TARGETS)
@pytest.mark.parametrize("verb", ["install", "remove"])
def test_what_a_user_changed_is_left_alone(place: Place, target: str, verb: str) -> None:
    place.do("install", target)
    path = {"cron": place.table, "github-actions": place.workflow}.get(target)
    path = path or next(place.units.glob("*.timer"))
    # Not every 30: the folder of a test may have one in its name.
    path.write_text(re.sub(r"59/30|30min|push:", "5/25", path.read_text()))
    changed = place.everything()
    assert place.do("status", target)["schedules"][0]["state"] == "changed"
    code, _, err = place("schedule", verb, "--target", target)
    assert code == 2 and "left alone" in err and "hint:" in err
    assert place.everything() == changed


def test_status_of_all(place: Place) -> None:
    place.do("install", "cron")
    code, answer, _ = place("schedule", "status", "--json")
    states = {s["target"]: s["state"] for s in answer["data"]["schedules"]}
    assert code == 0
    absent = dict.fromkeys(("systemd", "github-actions", "git-hooks"), "absent")
    assert states == {"cron": "installed", **absent}


@pytest.mark.parametrize(
    "words",
    [
        ["install"],
        ["install", "--target", "windows"],
        ["install", "--target", "cron", "--every", "7"],
        ["install", "--target", "github-actions", "--every", "4"],
        ["install", "--target", "cron", "--every", "0"],
        ["install", "--target", "systemd", "--push"],
    ],
    ids=" ".join,
)
def test_what_cannot_be(place: Place, words: list[str]) -> None:
    before = place.everything()
    code, _, err = place("schedule", *words)
    assert code == 2 and "hint:" in err and place.everything() == before


# cron


def test_the_line_runs_in_the_repository(place: Place) -> None:
    place.do("install", "cron")
    begin, *_, line, end = place.table.read_text().splitlines()
    assert begin == f"# craftkit begin {place.repo}" and end == f"# craftkit end {place.repo}"
    times, command = " ".join(line.split()[:5]), line.split(maxsplit=5)[5]
    assert times == "7-59/30 * * * *"
    # What cron makes of it: an escaped percent sign is one, any other would end the command.
    assert "%" not in command.replace("\\%", "")
    command = command.replace("\\%", "%").removesuffix(" >/dev/null")
    program = command.split(" reconcile ")[0].split()[-1]
    assert os.path.isabs(program) and os.access(program, os.X_OK)
    env = {"HOME": str(place.home), "PATH": "/nowhere", "LANG": "C.UTF-8"}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, text=True)
    # It found the program, the repository and its configuration; only the token is missing.
    assert done.returncode == 4 and "There is no token for github.com" in done.stdout, done


def test_other_lines_of_the_crontab_stay(place: Place) -> None:
    mine = b"# mine \xff\nMAILTO=me\n0 4 * * * backup\n"
    place.table.write_bytes(mine)
    place.do("install", "cron")
    place.table.write_bytes(place.table.read_bytes() + b"5 5 * * * later\n")
    place.do("install", "cron", "--every", "15")
    text = place.table.read_bytes()
    assert text.startswith(mine) and text.endswith(b"5 5 * * * later\n")
    place.do("remove", "cron")
    assert place.table.read_bytes() == mine + b"5 5 * * * later\n"


def test_another_repository_has_a_block_of_its_own(place: Place) -> None:
    foreign = "# craftkit begin /else\n* * * * * x\n# craftkit end /else\n"
    place.table.write_text(foreign)
    place.do("install", "cron")
    place.do("remove", "cron")
    assert place.table.read_text() == foreign


def test_half_a_block_is_left_alone(place: Place) -> None:
    place.do("install", "cron")
    place.table.write_text(place.table.read_text().rsplit("# craftkit end", 1)[0])
    assert place("schedule", "remove", "--target", "cron")[0] == 2


def test_a_crontab_that_fails(place: Place) -> None:
    place.tool("crontab", "#!/bin/sh\necho 'you are not allowed to use this' >&2\nexit 1\n")
    code, _, err = place("schedule", "install", "--target", "cron")
    assert code == 1 and "not allowed" in err and "hint:" in err
    assert not place.table.exists()


def test_without_cron(place: Place) -> None:
    (place.bin / "crontab").unlink()
    git_only = place.top / "git-only"
    git_only.mkdir()
    (git_only / "git").symlink_to(str(shutil.which("git")))
    code, _, err = place("schedule", "install", "--target", "cron", PATH=str(git_only))
    assert code == 2 and "no `crontab`" in err
    assert place("schedule", "status", PATH=str(git_only))[0] == 0


@pytest.mark.parametrize(
    ("every", "times"),
    [
        (1, "* * * * *"),
        (5, "4-59/5 * * * *"),
        (15, "7-59/15 * * * *"),
        (60, "7 * * * *"),
        (120, "7 */2 * * *"),
        (1440, "7 4 * * *"),
    ],
)
def test_times(every: int, times: str) -> None:
    assert schedule_files.cron_times(every) == times


@pytest.mark.parametrize("every", [7, 45, 61, 90, 300])
def test_times_that_cron_does_not_know(every: int) -> None:
    with pytest.raises(UsageProblem):
        schedule_files.cron_times(every)


@pytest.mark.parametrize("path", ["/a\nb", "/a\\b", "/a ", "/a\udcff"])
def test_paths_that_no_line_can_carry(path: str) -> None:
    for target in ("cron", "systemd"):
        with pytest.raises(UsageProblem):
            schedule._check_path(target, path)


# systemd


def test_the_units(place: Place) -> None:
    place.do("install", "systemd", "--every", "45")
    (service,), (timer,) = place.units.glob("*.service"), place.units.glob("*.timer")
    assert service.stem == timer.stem and service.stem.startswith("craftkit-50-of-it-home-")
    text = service.read_text()
    assert f"\nWorkingDirectory={str(place.repo).replace('%', '%%')}\n" in text
    assert "\nType=oneshot\n" in text and " reconcile --job\n" in text
    assert "OnUnitActiveSec=45min" in timer.read_text()
    assert (place.bin / "calls").read_text().splitlines() == [
        "--user daemon-reload",
        f"--user enable --now {timer.name}",
    ]


def test_systemd_reads_the_units(place: Place) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    place.do("install", "systemd")
    units = [str(path) for path in sorted(place.units.glob("craftkit-*"))]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "craftkit" not in done.stderr, done.stderr


def test_words_of_a_unit_are_quoted() -> None:
    assert schedule_files._unit_word("/plain/path-1.2") == "/plain/path-1.2"
    assert schedule_files._unit_word('/a b%c"d') == '"/a b%%c\\"d"'
    wanted = schedule_files.SchedulePlan(
        "/w", ("/a $b/craftkit",), "/bin", 30, False, False, "", "main", "/c"
    )
    assert '\nExecStart=:"/a $b/craftkit"\n' in schedule_files.unit_files(wanted)[0].text


def test_without_systemctl_the_command_is_told(place: Place) -> None:
    git_only = place.top / "git-only"
    git_only.mkdir()
    (git_only / "git").symlink_to(str(shutil.which("git")))
    code, _, err = place("schedule", "install", "--target", "systemd", PATH=str(git_only))
    assert code == 0 and "systemctl --user daemon-reload && systemctl --user enable --now" in err
    assert place("schedule", "remove", "--target", "systemd", PATH=str(git_only))[0] == 0
    assert not place.config.exists()


def test_a_systemctl_that_fails(place: Place) -> None:
    (place.bin / "broken").touch()
    code, _, err = place("schedule", "install", "--target", "systemd")
    assert code == 1 and "Failed to connect to bus" in err and "enable --now" in err
    (place.bin / "broken").unlink()
    place.do("install", "systemd")
    wants = place.units / "timers.target.wants"
    assert wants.is_dir()
    (place.bin / "broken").touch()
    code, _, err = place("schedule", "remove", "--target", "systemd")
    assert code == 0 and "systemctl --user stop" in err
    assert not place.config.exists()


def test_other_units_and_their_folders_stay(place: Place) -> None:
    place.units.mkdir(parents=True)
    (place.units / "mine.service").write_text("[Service]\n")
    place.do("install", "systemd")
    place.do("remove", "systemd")
    assert [p.name for p in place.units.iterdir()] == ["mine.service"]


def test_the_usual_place_of_units(place: Place) -> None:
    assert place("schedule", "install", "--target", "systemd", XDG_CONFIG_HOME="relative")[0] == 0
    assert len(list((place.home / ".config/systemd/user").glob("craftkit-*.timer"))) == 1


# GitHub Actions


def workflow(place: Place, *more: str) -> Any:
    place.do("install", "github-actions", *more)
    # BaseLoader: YAML 1.1 would read the key `on` as a boolean.
    return yaml.load(place.workflow.read_text(), Loader=yaml.BaseLoader)  # noqa: S506


def test_the_workflow(place: Place) -> None:
    found = workflow(place)
    assert found["on"]["push"]["branches"] == ["trunk"]
    assert {"specs/*.md", ".kiro/specs/*/tasks.md"} <= set(found["on"]["push"]["paths"])
    assert found["on"]["schedule"] == [{"cron": "7-59/30 * * * *"}]
    assert found["on"]["issues"] == {"types": ["closed", "reopened"]}
    assert "workflow_dispatch" in found["on"] and "pull_request" not in found["on"]
    assert found["permissions"] == {}
    assert found["concurrency"] == {"group": "craftkit", "cancel-in-progress": "false"}
    (job,) = found["jobs"].values()
    assert job["permissions"] == {"issues": "write", "contents": "read"}
    assert job["if"] == "github.repository == 'octo-dev/demo'"
    steps = job["steps"]
    uses = [step["uses"] for step in steps if "uses" in step]
    assert len(uses) == 4
    assert all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", u) for u in uses), "a tag may move"
    assert steps[0]["with"] == {"persist-credentials": "false"}
    assert {"python-version": "3.11"} in [step.get("with") for step in steps]
    assert [step["run"] for step in steps if "run" in step] == [
        "pip install craftkit==1.2.3",
        "craftkit reconcile --job",
    ]
    assert [s["env"] for s in steps if "env" in s] == [
        {"GH_TOKEN": "${{ github.token }}", "CRAFTKIT_TRUST": "workflow"}
    ]
    assert "github.event" not in place.workflow.read_text()


def test_the_workflow_that_commits(place: Place) -> None:
    found = workflow(place, "--commit")
    job = found["jobs"]["reconcile"]
    assert job["permissions"] == {"issues": "write", "contents": "write"}
    steps = job["steps"]
    assert "craftkit reconcile --job --commit --push" in [step.get("run") for step in steps]
    assert "with" not in steps[0]  # the credentials stay for the push


def test_the_default_branch_is_what_origin_says(place: Place) -> None:
    head = place.repo / ".git/refs/remotes/origin/HEAD"
    head.parent.mkdir(parents=True)
    head.write_text("ref: refs/remotes/origin/release/1.x\n")
    assert workflow(place)["on"]["push"]["branches"] == ["release/1.x"]


def test_paths_of_the_workflow_match_every_dialect(place: Place) -> None:
    from craftkit.specs.dialects import DIALECTS

    paths = workflow(place)["on"]["push"]["paths"]
    for dialect in DIALECTS.values():
        assert set(dialect.patterns) <= set(paths)


def test_install_tells_what_is_left_to_do(place: Place) -> None:
    notes = " ".join(place.do("install", "github-actions")["notes"])
    assert "commit and push .github/workflows/craftkit.yml to trunk" in notes
    assert "config.yaml" in notes
    git(place.repo, "add", ".craftkit/config.yaml")
    assert place.do("install", "github-actions")["notes"] == []


def test_other_line_ends_are_no_change(place: Place) -> None:
    workflow(place)
    place.workflow.write_bytes(place.workflow.read_bytes().replace(b"\n", b"\r\n"))
    assert place.do("status", "github-actions")["schedules"][0]["state"] == "installed"
    assert place.do("remove", "github-actions")["changed"] is True


def test_other_workflows_stay(place: Place) -> None:
    place.workflow.parent.mkdir(parents=True)
    (place.workflow.parent / "ci.yml").write_text("name: ci\n")
    workflow(place)
    place.do("remove", "github-actions")
    assert [p.name for p in place.workflow.parent.iterdir()] == ["ci.yml"]


def test_a_workflow_of_that_name_that_is_not_ours(place: Place) -> None:
    place.workflow.parent.mkdir(parents=True)
    place.workflow.write_text("name: mine\n")
    for verb in ("install", "remove"):
        code, _, err = place("schedule", verb, "--target", "github-actions")
        assert code == 2 and "not craftkit's" in err and "hint:" in err
    assert place.workflow.read_text() == "name: mine\n"


def test_nothing_is_written_through_a_symlink(place: Place) -> None:
    outside = place.top / "outside"
    outside.mkdir()
    (place.repo / ".github").symlink_to(outside)
    code, _, err = place("schedule", "install", "--target", "github-actions")
    assert code == 1 and "symlink" in err and list(outside.iterdir()) == []


def test_a_repository_must_be_known(place: Place) -> None:
    code, _, err = place(
        "schedule", "install", "--target", "github-actions", CRAFTKIT_GITHUB_REPO=""
    )
    assert code == 2 and "github.repo" in err
    agree(place.repo, "github.repo", "a/b' || true")
    code, _, err = place(
        "schedule", "install", "--target", "github-actions", CRAFTKIT_GITHUB_REPO="a/b' || true"
    )
    assert code == 2 and not place.workflow.exists()


# What the workflow installs

PINNED = "git+https://github.com/octo-dev/craftkit@v1.2"
NAMED = f"craftkit[mcp] @ {PINNED}#subdirectory=tools&egg=x"
WHEEL = "https://files.example.com/craftkit-1.2-py3-none-any.whl#sha256=00ff"
GIVEN = (PINNED, NAMED, WHEEL, "craftkit==1.2.3", "./wheels/craftkit-1.2.whl", ".")


def steps(place: Place) -> list[str]:
    found = yaml.load(place.workflow.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    return [s["run"] for s in found["jobs"]["reconcile"]["steps"] if "run" in s]


@pytest.mark.parametrize("given", GIVEN)
def test_the_workflow_installs_what_is_said(place: Place, given: str) -> None:
    place.origin = ""
    assert place.do("install", "github-actions", "--install", given)["changed"] is True
    assert shlex.split(steps(place)[0]) == ["pip", "install", given]
    assert install_source.read(place.workflow.read_text()) == given
    before = place.everything()
    for more in (["--install", given], []):
        assert place.do("install", "github-actions", *more)["changed"] is False
    assert place.do("install", "github-actions", "--every", "60")["changed"] is True
    place.do("install", "github-actions")
    assert place.everything() == before
    other = next(text for text in GIVEN if text != given)
    assert place.do("install", "github-actions", "--install", other)["changed"] is True
    assert shlex.split(steps(place)[0])[2] == other
    assert place.do("remove", "github-actions")["changed"] is True
    assert not place.workflow.exists()


@pytest.mark.parametrize(
    "given",
    [
        *("", " ", "craftkit", "craftkit>=1", "-r x.txt", "--index-url=https://x.example/", "-e ."),
        *("craftkit==1; curl x", "craftkit==1 && x", "craftkit==1\ny", "craftkit==${{ x }}"),
        *("git+https://github.com/o/r@`x`", "git+https://github.com/o/r@$(x)", "a @ b @ c"),
        *("git+https://github.com/o/r@'x'", 'git+https://github.com/o/r@"x"', "craftkit  ==1"),
        *("http://x.example/a.whl", "file:///a.whl", "/a.whl", "../a.whl", "./../a.whl", "a#b"),
        *("https://user:pw@x.example/a.whl", "https://tok@x.example/a.whl", "ftp://x.example/a"),
        *("git+https://github.com/OWNER/craftkit@TAG", install_source.PLACEHOLDER, "x" * 600),
        *("craftkit @  https://x.example/a", "craftkit@https://x.example/a b", "craftkit==\u202e1"),
    ],
)
def test_what_must_not_get_into_a_workflow(place: Place, given: str) -> None:
    for verb in ("install", "print"):
        words = ("schedule", verb, "--target", "github-actions", "--install", given)
        code, _, err = place(*words)
        assert code == 2 and "hint:" in err and ":pw@" not in err
    assert not place.workflow.exists()


def test_what_nobody_else_can_install_is_refused(place: Place) -> None:
    place.origin = ""
    code, _, err = place("schedule", "install", "--target", "github-actions")
    assert code == 2 and "hint:" in err and "--install git+https://" in err
    assert not place.workflow.exists()
    code, text, err = place("schedule", "print", "--target", "github-actions")
    assert code == 0 and "example.invalid" in text and "placeholder" in err and "hint:" in err
    # What was printed and put there all the same is known, but never kept.
    place.workflow.parent.mkdir(parents=True)
    place.workflow.write_text(text)
    assert place.do("status", "github-actions")["schedules"][0]["state"] == "installed"
    assert place("schedule", "install", "--target", "github-actions")[0] == 2
    assert place.do("install", "github-actions", "--install", PINNED)["changed"] is True


def legacy(place: Place) -> None:
    """The file as an older craftkit wrote it: with its seal, and a name that nobody owns."""
    place.do("install", "github-actions")
    text = place.workflow.read_text().replace("craftkit==1.2.3", "craftkit")
    seal = hashlib.sha256(text.split("\n", 2)[2].encode()).hexdigest()[:16]
    assert f"# seal {seal} made" in text
    place.workflow.write_text(text)


def test_a_file_of_an_older_craftkit_is_ours_and_its_name_is_not_kept(place: Place) -> None:
    legacy(place)
    assert place.do("status", "github-actions")["schedules"][0]["state"] == "installed"
    place.origin = ""
    code, _, err = place("schedule", "install", "--target", "github-actions")
    assert code == 2 and "--install" in err
    place.do("install", "github-actions", "--install", PINNED)
    assert steps(place)[0] == f"pip install {PINNED}"
    legacy_free = place.workflow.read_text()
    assert "pip install craftkit\n" not in legacy_free


def test_a_line_that_somebody_corrected_is_no_change(place: Place) -> None:
    legacy(place)
    text = place.workflow.read_text()
    place.workflow.write_text(text.replace("install craftkit\n", f"install '{PINNED}'\n"))
    assert place.do("status", "github-actions")["schedules"][0]["state"] == "installed"
    place.do("install", "github-actions")
    assert steps(place)[0] == f"pip install {PINNED}"
    place.do("remove", "github-actions")
    assert not place.workflow.exists()


@pytest.mark.parametrize(
    "line",
    [
        "pip install craftkit==1.2.3 && curl x.example | sh",
        "pip install craftkit==1.2.3 other==1",
        "pip install -r requirements.txt",
        "pip install craftkit==1.2.3\n      - run: pip install other==1",
        "pip install craftkit==1.2.3 # mine",
        "pipx install craftkit==1.2.3",
    ],
)
@pytest.mark.parametrize("verb", ["install", "remove"])
def test_any_other_change_is_a_change(place: Place, line: str, verb: str) -> None:
    place.do("install", "github-actions")
    text = place.workflow.read_text().replace("pip install craftkit==1.2.3", line)
    place.workflow.write_text(text)
    assert place.do("status", "github-actions")["schedules"][0]["state"] == "changed"
    more = ["--install", PINNED] if verb == "install" else []
    code, _, err = place("schedule", verb, "--target", "github-actions", *more)
    assert code == 2 and "left alone" in err and place.workflow.read_text() == text


@pytest.mark.parametrize("target", ["cron", "systemd", "git-hooks"])
def test_other_targets_install_nothing(place: Place, target: str) -> None:
    before = place.everything()
    for verb in ("install", "print"):
        code, _, err = place("schedule", verb, "--target", target, "--install", PINNED)
        assert code == 2 and "--install" in err and "hint:" in err
    assert place.everything() == before


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "craftkit==1.2"),
        (
            {"url": "https://github.com/o/c.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"craftkit @ git+https://github.com/o/c.git@{COMMIT}",
        ),
        (
            {
                "url": "https://github.com/o/c",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT},
                "subdirectory": "py",
            },
            f"craftkit @ git+https://github.com/o/c@{COMMIT}#subdirectory=py",
        ),
        (
            {
                "url": "https://x.example/craftkit-1.2-py3-none-any.whl",
                "archive_info": {"hashes": {"sha256": "00ff"}},
            },
            "craftkit @ https://x.example/craftkit-1.2-py3-none-any.whl#sha256=00ff",
        ),
        ({"url": "file:///home/me/craftkit", "dir_info": {}}, ""),
        ({"url": "file:///home/me/craftkit", "dir_info": {"editable": True}}, ""),
        ({"url": "file:///home/me/craftkit.whl", "archive_info": {}}, ""),
        ({"url": "https://t@x.example/c.whl", "archive_info": {}}, ""),
        ({"url": "https://x.example/c.whl?$(x)", "archive_info": {}}, ""),
        ({"url": "ssh://git@h/o/c", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, ""),
        ({"url": "https://h/o/c", "vcs_info": {"vcs": "git", "commit_id": "x' y"}}, ""),
        ({"url": "https://h/o/c", "vcs_info": {"vcs": "hg", "commit_id": COMMIT}}, ""),
        ([], ""),
        ("{", ""),
    ],
)
def test_where_this_craftkit_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: Any, said: str
) -> None:
    import craftkit

    info = tmp_path / "craftkit-1.2.dist-info"
    info.mkdir()
    (tmp_path / "craftkit").symlink_to(craftkit.__path__[0])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: craftkit\nVersion: 1.2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert install_source.of_this_installation() == ""  # left by a build: there is no RECORD
    (info / "RECORD").write_text("")
    if url is not None:
        text = url if isinstance(url, str) else json.dumps(url)
        (info / "direct_url.json").write_text(text)
    assert install_source.of_this_installation() == said


def test_metadata_of_another_craftkit_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "craftkit-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: craftkit\nVersion: 1.2\n")
    (info / "RECORD").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert install_source.of_this_installation() == ""
