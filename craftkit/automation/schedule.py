"""`schedule`: have cron, a systemd timer or GitHub Actions run `craftkit reconcile --job`.

What somebody changed since it was written is neither replaced nor removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from craftkit import disk
from craftkit import repo as git
from craftkit.automation import install_source
from craftkit.automation.schedule_files import (
    WORKFLOW,
    ScheduleFile,
    SchedulePlan,
    crontab_block,
    marks,
    read_seal,
    sealed,
    unit_files,
    unit_name,
    workflow_file,
)
from craftkit.errors import CannotRead, CannotWrite, CraftkitError, UnsafePath, UsageProblem
from craftkit.runtime.context import Context
from craftkit.store import private

TARGETS = ("cron", "systemd", "github-actions")
EVERY = 30  # minutes
ABSENT, INSTALLED, CHANGED = "absent", "installed", "changed"


class ScheduleResult(NamedTuple):
    """What a command did: the state now, whether it changed anything, and words."""

    target: str
    state: str
    changed: bool
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()
    failed: bool = False


def plan_schedule(
    context: Context, target: str, every: int, commit: bool, push: bool, wanted: str = ""
) -> SchedulePlan:
    """Raises UsageProblem for what the target cannot do."""
    if push and not commit:
        raise UsageProblem("`--push` needs something to push.", "add `--commit`")
    if commit and context.repo.git_dir is None:
        raise UsageProblem("There is no git repository to commit to.", "leave out `--commit`")
    for text in (context.worktree, *_program()):
        _check_path(target, text)
    home = context.env.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):  # the specification says: ignore a relative one
        home = os.path.join(context.env.get("HOME") or os.path.expanduser("~"), ".config")
    push = push or (commit and target == "github-actions")  # a commit there is lost otherwise
    more = ("--commit",) * commit + ("--push",) * push
    words = ("craftkit",) if target == "github-actions" else _program()
    return SchedulePlan(
        context.worktree,
        (*words, "reconcile", "--job", *more),
        _search_path(context),
        every,
        commit,
        push,
        str(context.config["github.repo"]),
        _default_branch(context),
        home,
        wanted,
    )


def _requirement(context: Context, target: str, given: str | None) -> str:
    """What the workflow is to install: `--install`, what it does now, or what this craftkit is.

    "" where that is not known.  Raises UsageProblem.
    """
    if target != "github-actions":
        if given is not None:
            raise UsageProblem(
                f"{target} runs the craftkit of this machine, so it takes no --install.",
                "leave it out, or take `--target github-actions`",
            )
        return ""
    if given is not None:
        return install_source.checked(given)
    (path,) = _workflow_paths(context.worktree)
    known = install_source.read(_text_of(path) or "") if _state_of(path) == INSTALLED else ""
    # What older craftkits wrote was nobody's choice.
    if known not in ("", install_source.LEGACY, install_source.PLACEHOLDER):
        return known
    return install_source.of_this_installation()


NO_REQUIREMENT = "This craftkit was not installed from a place that GitHub Actions can reach."
INSTALL_HINT = f"say what to install: `--install {install_source.EXAMPLE}`"


def _program() -> tuple[str, ...]:
    """The craftkit that is running, by its absolute path."""
    beside = os.path.join(os.path.dirname(sys.executable), "craftkit")
    found = beside if os.access(beside, os.X_OK) else shutil.which("craftkit")
    if found and os.path.isabs(found):
        return (found,)
    return (sys.executable, "-P", "-m", "craftkit")  # -P: nothing is imported from the repository


def _search_path(context: Context) -> str:
    """Where git and gh are, and the usual places."""
    given = context.env.get("PATH")
    found = [shutil.which(name, path=given) for name in ("git", "gh")]
    folders = [os.path.dirname(place) for place in found if place and os.path.isabs(place)]
    usual = ("/usr/local/bin", "/usr/bin", "/bin")
    return ":".join(dict.fromkeys((*folders, *usual)))


def _check_path(target: str, path: str) -> None:
    """Raise UsageProblem for a path that the target's format cannot carry."""
    bad = not path.isprintable() or "\\" in path or path != path.strip()
    with contextlib.suppress(UnicodeEncodeError):
        path.encode()
        if not bad or target == "github-actions":
            return
    raise UsageProblem(
        f"The path {path!r} cannot be written into a schedule of {target}.",
        "move it to a path without control characters, backslashes and spaces at its end",
    )


def _default_branch(context: Context) -> str:
    """What `origin` calls its default branch, as far as this clone knows."""
    common = context.repo.common_dir
    if common is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            head = os.path.join(common, "refs", "remotes", "origin", "HEAD")
            text = disk.read_regular(head, 1000).decode("utf-8")
            found = re.match(r"ref: refs/remotes/origin/(\S+)", text)
            if found:
                return found[1]
        for name in ("main", "master"):
            if os.path.exists(os.path.join(common, "refs", "heads", name)):
                return name
    return git.branch(context.repo) or "main"


# Files: systemd's and GitHub's


def _files(target: str, wanted: SchedulePlan) -> tuple[ScheduleFile, ...]:
    return unit_files(wanted) if target == "systemd" else (workflow_file(wanted),)


def _paths(target: str, wanted: SchedulePlan) -> tuple[str, ...]:
    if target == "systemd":
        return tuple(file.path for file in unit_files(wanted))
    return _workflow_paths(wanted.worktree)


def _workflow_paths(worktree: str) -> tuple[str]:
    return (os.path.join(worktree, *WORKFLOW.split("/")),)


def _text_of(path: str) -> str | None:
    try:
        return disk.read_regular(path, 1 << 20).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotRead(f"{path} cannot be read ({error.strerror}).", "check its mode") from error


def _state_of(path: str) -> str:
    text = _text_of(path)
    if text is None:
        return ABSENT
    return INSTALLED if read_seal(text) is not None else CHANGED


def _states(target: str, wanted: SchedulePlan) -> str:
    states = {_state_of(path) for path in _paths(target, wanted)}
    if CHANGED in states or len(states) > 1:  # one of two files is not what was installed either
        return CHANGED
    return states.pop()


def _refuse_changed(paths: Sequence[str]) -> None:
    for path in paths:
        if _state_of(path) == CHANGED:
            raise UsageProblem(
                f"{path} was changed, or is not craftkit's, so it is left alone.",
                "move it away or delete it, then run the command again",
                path,
            )


def _refuse_links(wanted: SchedulePlan, path: str) -> None:
    """Inside the repository nothing is written through a symlink, which may lead anywhere."""
    if os.path.realpath(path) != path or os.path.islink(path):
        raise UnsafePath(
            f"{path} leads through a symlink.", f"make {WORKFLOW} a regular file", path
        )


def _write(file: ScheduleFile, root: str = "") -> bool:
    """Write a file that is absent or sealed, behind no symlink below `root`; whether it changed."""
    old = _text_of(file.path)
    known = read_seal(old) if old is not None else None
    if known is not None and known[0] == file.text:
        return False
    made = known[1] if known else _missing(os.path.dirname(file.path))
    root = root or os.path.dirname(file.path)
    parts = os.path.relpath(file.path, root).split(os.sep)
    try:
        os.makedirs(root, exist_ok=True)
        private.write_below(root, parts, sealed(file.text, made).encode(), 0o644)
    except OSError as error:
        raise CannotWrite(
            f"{file.path} cannot be written ({error.strerror}).", "check the permissions"
        ) from error
    return True


def _missing(folder: str) -> int:
    count = 0
    while not os.path.isdir(folder) and count < 9:
        folder, count = os.path.dirname(folder), count + 1
    return count


def _delete(path: str) -> bool:
    """Remove a sealed file, and the folders that were made for it, if they are empty."""
    text = _text_of(path)
    if text is None:
        return False
    known = read_seal(text)
    try:
        os.unlink(path)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be removed ({error.strerror}).", "check the permissions"
        ) from error
    _remove_folders(path, known[1] if known else 0)
    return True


def _remove_folders(path: str, count: int) -> None:
    with contextlib.suppress(OSError):  # not empty: others have something there
        for _ in range(count):
            path = os.path.dirname(path)
            os.rmdir(path)


# cron


def _crontab(*args: str, given: str | None = None) -> str:
    """Run `crontab`.  Raises UsageProblem without one, or CraftkitError."""
    program = shutil.which("crontab")
    if program is None:
        raise UsageProblem(
            "There is no `crontab` on this machine.", "install cron, or use `--target systemd`"
        )
    data = None if given is None else given.encode("utf-8", "surrogateescape")
    done = _run([program, *args], data)
    complaint = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and args == ("-l",) and "no crontab" in complaint.lower():
        return ""
    if done.returncode:
        last = (complaint or f"exit {done.returncode}").splitlines()[-1][:200]
        raise CraftkitError(f"`crontab {args[0]}` failed: {last}", "run it by hand to see why")
    return done.stdout.decode("utf-8", "surrogateescape")


def _run(command: list[str], data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    more: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    env = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, capture_output=True, timeout=30, env=env, check=False, **more
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(command, 127, b"", str(error).encode())


_BROKEN = "one of the two marks alone: it has no seal, so it counts as changed"


def _find_block(table: str, worktree: str) -> tuple[str, str, str]:
    """The crontab before the block, the block, and what is behind it."""
    begin, end = marks(worktree)
    lines = table.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in lines]
    if begin not in bare and end not in bare:
        return table, "", ""
    first = bare.index(begin) if begin in bare else -1
    last = bare.index(end) if end in bare else -1
    if first < 0 or last < first or bare.count(begin) > 1 or bare.count(end) > 1:
        return table, _BROKEN, ""
    return (
        "".join(lines[:first]),
        "".join(lines[first : last + 1]),
        "".join(lines[last + 1 :]),
    )


def _block_state(block: str) -> str:
    if not block:
        return ABSENT
    inner = block.split("\n", 1)[1].rsplit("# craftkit end ", 1)[0] if "\n" in block else ""
    return INSTALLED if read_seal(inner) is not None else CHANGED


def _refuse_changed_block(block: str) -> None:
    if _block_state(block) == CHANGED:
        raise UsageProblem(
            "craftkit's lines in the crontab were changed, so they are left alone.",
            "delete them with `crontab -e`, then run the command again",
        )


def _install_cron(wanted: SchedulePlan) -> ScheduleResult:
    table = _crontab("-l")
    before, old, behind = _find_block(table, wanted.worktree)
    _refuse_changed_block(old)
    if before and not before.endswith("\n"):
        before += "\n"
    new = before + crontab_block(wanted) + behind
    if new != table:
        _crontab("-", given=new)
    return ScheduleResult("cron", INSTALLED, new != table, ("crontab",))


def _remove_cron(wanted: SchedulePlan) -> ScheduleResult:
    before, old, behind = _find_block(_crontab("-l"), wanted.worktree)
    _refuse_changed_block(old)
    if old and before + behind:
        _crontab("-", given=before + behind)
    elif old:
        _crontab("-r")
    return ScheduleResult("cron", ABSENT, bool(old), ("crontab",))


# systemd


def _systemctl(*args: str) -> str:
    """Run `systemctl --user`; why that failed, or ""."""
    program = shutil.which("systemctl")
    if program is None:
        return "there is no systemctl here"
    done = _run([program, "--user", *args])
    if done.returncode == 0:
        return ""
    said = done.stderr.decode("utf-8", "replace").strip() or f"exit {done.returncode}"
    return said.splitlines()[-1][:200]


def _install_systemd(wanted: SchedulePlan) -> ScheduleResult:
    files = unit_files(wanted)
    _refuse_changed([file.path for file in files])
    changed = [_write(file) for file in files]
    timer = f"{unit_name(wanted.worktree)}.timer"
    why = _systemctl("daemon-reload") or _systemctl("enable", "--now", timer)
    notes, failed = [], False
    if why:
        by_hand = f"systemctl --user daemon-reload && systemctl --user enable --now {timer}"
        notes.append(f"the timer does not run yet ({why}): {by_hand}")
        failed = shutil.which("systemctl") is not None
    notes.append("to run while nobody is logged in: loginctl enable-linger")
    places = tuple(file.path for file in files)
    return ScheduleResult("systemd", INSTALLED, any(changed), places, tuple(notes), failed)


def _remove_systemd(wanted: SchedulePlan) -> ScheduleResult:
    paths = _paths("systemd", wanted)
    _refuse_changed(paths)
    timer = f"{unit_name(wanted.worktree)}.timer"
    there = any(os.path.exists(path) for path in paths)
    if not there:
        return ScheduleResult("systemd", ABSENT, False, paths)
    why = _systemctl("disable", "--now", timer)
    wants = os.path.join(os.path.dirname(paths[0]), "timers.target.wants", timer)
    if os.path.islink(wants):  # systemctl could not do it
        with contextlib.suppress(OSError):
            os.unlink(wants)
            os.rmdir(os.path.dirname(wants))
    # The first file was the one whose folders had to be made.
    for path in reversed(paths):
        _delete(path)
    _systemctl("daemon-reload")
    notes = (f"a running timer may still be there ({why}): systemctl --user stop {timer}",)
    return ScheduleResult("systemd", ABSENT, True, paths, notes if why else ())


# GitHub Actions


def _install_workflow(wanted: SchedulePlan) -> ScheduleResult:
    file = workflow_file(wanted)
    _refuse_links(wanted, file.path)
    _refuse_changed([file.path])
    changed = _write(file, wanted.worktree)
    notes = [f"commit and push {WORKFLOW} to {wanted.branch}: it works from there"] * changed
    return ScheduleResult("github-actions", INSTALLED, changed, (file.path,), tuple(notes))


def _remove_workflow(wanted: SchedulePlan) -> ScheduleResult:
    (path,) = _paths("github-actions", wanted)
    if os.path.lexists(path):
        _refuse_links(wanted, path)
    _refuse_changed([path])
    gone = _delete(path)
    notes = [f"commit and push that {WORKFLOW} is gone"] * gone
    return ScheduleResult("github-actions", ABSENT, gone, (path,), tuple(notes))


# Commands


INSTALL: dict[str, Callable[[SchedulePlan], ScheduleResult]] = {
    "cron": _install_cron,
    "systemd": _install_systemd,
    "github-actions": _install_workflow,
}
REMOVE: dict[str, Callable[[SchedulePlan], ScheduleResult]] = {
    "cron": _remove_cron,
    "systemd": _remove_systemd,
    "github-actions": _remove_workflow,
}


def install(
    context: Context,
    target: str,
    every: int,
    commit: bool,
    push: bool,
    given: str | None = None,
) -> ScheduleResult:
    """Write the schedule; nothing where it is there already.  Raises UsageProblem…"""
    wanted = _requirement(context, target, given)
    if target == "github-actions":
        _refuse_changed(_workflow_paths(context.worktree))
        if not wanted:
            raise UsageProblem(NO_REQUIREMENT, INSTALL_HINT)
    done = INSTALL[target](plan_schedule(context, target, every, commit, push, wanted))
    config = os.path.join(context.repo.worktree, ".craftkit", "config.yaml")
    if target == "github-actions" and not git.is_tracked(context.repo, config):
        words = "commit .craftkit/config.yaml too: without it craftkit is not set up in a checkout"
        done = done._replace(notes=(*done.notes, words))
    return done


def remove(context: Context, target: str) -> ScheduleResult:
    """Take the schedule away; nothing where there is none.  Raises UsageProblem…"""
    return REMOVE[target](plan_schedule(context, target, EVERY, False, False))


def status(context: Context, target: str) -> ScheduleResult:
    wanted = plan_schedule(context, target, EVERY, False, False)
    if target == "cron":
        if shutil.which("crontab") is None:
            return ScheduleResult(target, ABSENT, False, ("crontab",))
        state = _block_state(_find_block(_crontab("-l"), wanted.worktree)[1])
        return ScheduleResult(target, state, False, ("crontab",))
    return ScheduleResult(target, _states(target, wanted), False, _paths(target, wanted))


def preview(
    context: Context,
    target: str,
    every: int,
    commit: bool,
    push: bool,
    given: str | None = None,
) -> list[ScheduleFile]:
    """What `install` would write where nothing is yet; a placeholder where it would refuse."""
    needed = _requirement(context, target, given)
    if target == "github-actions" and not needed:
        needed = install_source.PLACEHOLDER
        words = f"{NO_REQUIREMENT[:-1]}: `pip install` gets a placeholder, which will fail."
        context.note("warning", "no_requirement", words, INSTALL_HINT)
    wanted = plan_schedule(context, target, every, commit, push, needed)
    if target == "cron":
        return [ScheduleFile("crontab", crontab_block(wanted))]
    return [ScheduleFile(file.path, sealed(file.text)) for file in _files(target, wanted)]
