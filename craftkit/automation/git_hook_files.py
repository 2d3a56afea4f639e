"""`schedule --target git-hooks`: one marked block in each of three hooks of git.

The block stands right below the first line: what is appended to a hook is not reached where that
ends with `exec` or `exit`, as those of hook managers do.  It changes neither the exit status nor
stdin nor the arguments of what follows, and its text is the same in every release.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from typing import NamedTuple

from craftkit import disk
from craftkit import repo as git
from craftkit.automation.schedule import ABSENT, CHANGED, INSTALLED, ScheduleResult
from craftkit.automation.schedule_files import ScheduleFile
from craftkit.errors import CannotRead, CannotWrite, UsageProblem
from craftkit.runtime.context import Context
from craftkit.store import hooks as hook_rows
from craftkit.store import private

TARGET = "git-hooks"
HOOKS = ("post-commit", "pre-push", "prepare-commit-msg")
LIMIT = 1 << 20  # bytes of a hook
BEGIN, END = b"# craftkit begin\n", b"# craftkit end\n"
_SHELL = re.compile(
    rb"#![ \t]*(?:/[^\s]*/)?(?:env[ \t]+(?:-S[ \t]+)?)?(?:sh|bash|dash|ash|ksh|zsh)(?:[ \t].*)?"
)
_SHEBANG = b"#!/bin/sh\n"
_OWN = b"# Made by craftkit; `craftkit schedule remove --target git-hooks` deletes it (%d).\n"
_PLACE, _MARK = ("", ""), "git-hooks"
_HINT = "put the lines of `craftkit schedule print --target git-hooks` into it by hand"
# A commit waits for nothing: the outer parentheses end at once, and leave no job behind that a
# `wait` further down could meet.
_CALL = {
    "post-commit": '(craftkit git-hook post-commit "$@" </dev/null >/dev/null 2>&1 &)',
    "pre-push": 'craftkit git-hook pre-push "$@" </dev/null >/dev/null 2>&1',
    "prepare-commit-msg": 'craftkit git-hook prepare-commit-msg "$@" </dev/null >/dev/null 2>&1',
}


class GitHook(NamedTuple):
    """One hook of git as it is."""

    name: str
    path: str
    data: bytes | None  # None: there is none
    mode: int = 0o755

    @property
    def state(self) -> str:
        data = (self.data or b"") + b"\n"  # the last line may have no end
        if BEGIN not in data and END not in data:
            return ABSENT
        whole = data.count(BEGIN) == data.count(END) == data.count(block(self.name)) == 1
        return INSTALLED if whole else CHANGED


def block(name: str) -> bytes:
    """What craftkit adds to a hook; harmless where craftkit is missing, silent save on request."""
    call = _CALL[name]
    loud = f'craftkit git-hook {name} "$@" </dev/null'
    text = f"""\
if command -v craftkit >/dev/null 2>&1; then
  case "${{CRAFTKIT_DEBUG:-}}" in
    1) {loud} ;;
    *) {call} ;;
  esac || :
fi
"""
    return BEGIN + text.encode() + END


def _own(name: str, made: int) -> bytes:
    """A hook that is all ours; `made` is how many folders were made for it."""
    return _SHEBANG + block(name) + _OWN % made


def _folder(context: Context) -> str:
    """Where the hooks are.  Raises UsageProblem where there can be none."""
    if context.repo.git_dir is None:
        raise UsageProblem("There is no git repository to hook into.", "`git init` makes one")
    folder = git.hooks_folder(context.repo)
    if folder is None:
        raise UsageProblem("git does not say where its hooks are.", "see `git rev-parse`")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageProblem(
            f"Hooks are switched off: core.hooksPath is {folder}, which is not a folder.",
            "`git config --unset core.hooksPath`, or give it a folder",
        )
    return folder


def _read(folder: str, name: str) -> GitHook:
    path = os.path.join(folder, name)
    try:
        facts = os.lstat(path)
        if stat.S_ISREG(facts.st_mode):
            data = disk.read_regular(path, 1 << 24)  # what is too large is said later, with a hint
            return GitHook(name, path, data, stat.S_IMODE(facts.st_mode))
    except FileNotFoundError:
        return GitHook(name, path, None)
    except OSError as error:
        raise CannotRead(f"{path} cannot be read ({error.strerror}).", "check its mode") from error
    raise UsageProblem(f"{path} is a symlink or no regular file, so it is left alone.", _HINT, path)


def _with_legacy(hook: GitHook) -> GitHook:
    """A hook that pre-commit moved aside when it was installed: pre-commit still runs it."""
    if hook.data is None or b"pre-commit" not in hook.data or hook.state != ABSENT:
        return hook
    aside = _read(os.path.dirname(hook.path), f"{hook.name}.legacy")
    moved = aside._replace(name=hook.name)
    return moved if moved.state == INSTALLED and moved.mode & 0o111 else hook


def _read_all(context: Context) -> list[GitHook]:
    folder = _folder(context)
    return [_with_legacy(_read(folder, name)) for name in HOOKS]


def _refuse_changed(hooks: list[GitHook]) -> None:
    for hook in hooks:
        if hook.state == CHANGED:
            raise UsageProblem(
                f"craftkit's lines in {hook.path} were changed, so they are left alone.",
                f"delete them, from `{BEGIN.decode().strip()}` to `{END.decode().strip()}`, then"
                " run the command again",
                hook.path,
            )


def _refuse_foreign(hooks: list[GitHook]) -> None:
    """Raise UsageProblem for a hook that the block cannot be put into."""
    for hook in hooks:
        if hook.data is None:
            continue
        first = hook.data.partition(b"\n")[0]
        why = ""
        if not _SHELL.fullmatch(first):
            why = "does not begin with the `#!` line of a shell"
        elif len(hook.data) > LIMIT:
            why = "is larger than 1 MB"
        elif not hook.mode & 0o111:
            why = "is not executable, so git does not run it"
        if why:
            raise UsageProblem(f"{hook.path} {why}; it is left alone.", _HINT, hook.path)


def _with_block(hook: GitHook, made: int) -> bytes:
    if hook.data is None:
        return _own(hook.name, made)
    first, line_end, rest = hook.data.partition(b"\n")
    if not line_end:  # the last line has no end, and must not get one that stays
        return first + b"\n" + block(hook.name).rstrip(b"\n")
    return first + b"\n" + block(hook.name) + rest


def _without_block(hook: GitHook) -> tuple[bytes | None, int]:
    """The hook as it was, None for one of ours; and how many folders were made for it."""
    data, ours = hook.data or b"", block(hook.name)
    if data.endswith(b"\n" + ours.rstrip(b"\n")):
        return data[: -len(ours)], 0
    data = data.replace(ours, b"")
    for made in range(10):
        if _OWN % made in data:
            rest = data.replace(_OWN % made, b"")
            return (None if rest == _SHEBANG else rest), made
    return data, 0


def _missing(folder: str) -> int:
    count = 0
    while not os.path.isdir(folder) and count < 9:
        folder, count = os.path.dirname(folder), count + 1
    return count


def _write(context: Context, path: str, data: bytes | None, mode: int) -> None:
    """Replace a hook, or delete it; in the worktree, behind no symlink.  Raises CannotWrite."""
    root, own = os.path.dirname(path), context.repo.common_dir or ""
    if path.startswith(context.worktree + os.sep) and not path.startswith(own + os.sep):
        root = context.worktree  # what is below it may have come with the clone
    parts = os.path.relpath(path, root).split(os.sep)
    try:
        if data is None:
            private.unlink_below(root, parts)
            return
        os.makedirs(root, exist_ok=True)
        private.write_below(root, parts, data, mode)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}).", "check the permissions"
        ) from error


def install(context: Context) -> ScheduleResult:
    """Put the block into each hook; nothing where it is already.  Raises UsageProblem…"""
    hooks = _read_all(context)
    _refuse_changed(hooks)
    absent = [hook for hook in hooks if hook.state == ABSENT]
    _refuse_foreign(absent)
    made = _missing(os.path.dirname(hooks[0].path))
    for hook in absent:
        _write(context, hook.path, _with_block(hook, made), hook.mode)
    _remember(context, os.path.dirname(hooks[0].path))
    return ScheduleResult(TARGET, INSTALLED, bool(absent), _places(hooks), _notes(context, hooks))


def remove(context: Context) -> ScheduleResult:
    """Take the block away again, byte for byte.  Raises UsageProblem…"""
    hooks = _read_all(context)
    _refuse_changed(hooks)
    there, most = [hook for hook in hooks if hook.state == INSTALLED], 0
    for hook in there:
        data, made = _without_block(hook)
        _write(context, hook.path, data, hook.mode)
        most = max(most, made)
    _remember(context, None)
    folder = os.path.dirname(hooks[0].path)
    with contextlib.suppress(OSError):  # not empty: others have something there
        for _ in range(most):
            os.rmdir(folder)
            folder = os.path.dirname(folder)
    return ScheduleResult(TARGET, ABSENT, bool(there), _places(hooks))


def _remember(context: Context, folder: str | None) -> None:
    """Keep where the hooks were put, so that `doctor` can say that they are gone."""
    if not context.store.durable:
        return
    with context.store.write() as tx:
        if folder is None:
            hook_rows.forget(tx, _PLACE, _MARK)
        else:
            hook_rows.remember(tx, _PLACE, _MARK, folder, context.now())


def checks(context: Context) -> list[tuple[str, str, str]]:
    """Status, message and hint of what `doctor` says of git's hooks: nothing if nobody put them."""
    folder = hook_rows.value(context.store, _PLACE, _MARK) if context.store.readable else None
    if folder is None:
        return []
    found = status(context)
    if found.state == INSTALLED:
        return [("ok", f"craftkit's git hooks run in {os.path.dirname(found.places[0])}", "")]
    now = os.path.dirname(found.places[0]) if found.places else ""
    if found.notes and not found.places:
        why = found.notes[0]
    elif now != folder:
        why = f"git looks for hooks in {now} now, and they are in {folder}"
    else:
        why = f"{_framework(context, now)} wrote {now} anew"
    words = f"craftkit's git hooks do not run any more: {why}"
    return [("warning", words, "`craftkit schedule install --target git-hooks` puts them back")]


def _framework(context: Context, folder: str) -> str:
    """Which program manages the hooks of this folder, as far as its files say so."""
    if os.path.basename(os.path.dirname(folder)) == ".husky":
        return "husky"
    for name in HOOKS:
        with contextlib.suppress(UsageProblem, CannotRead):
            text = (_read(folder, name).data or b"").lower()
            for program in (b"lefthook", b"husky", b"pre-commit"):
                if program in text:
                    return program.decode()
    for name in ("lefthook.yml", "lefthook.yaml", ".lefthook.yml"):
        if os.path.lexists(os.path.join(context.worktree, name)):
            return "lefthook"
    return "another program"


def status(context: Context) -> ScheduleResult:
    if context.repo.git_dir is None:
        return ScheduleResult(TARGET, ABSENT, False, ())
    try:
        hooks = _read_all(context)
    except UsageProblem as error:
        return ScheduleResult(TARGET, ABSENT, False, (), (error.message,))
    states = {hook.state for hook in hooks}
    state = states.pop() if len(states) == 1 else CHANGED
    return ScheduleResult(TARGET, state, False, _places(hooks))


def preview(context: Context) -> list[ScheduleFile]:
    """What `install` would write where no hook is yet."""
    folder = _folder(context)
    return [ScheduleFile(os.path.join(folder, name), _own(name, 0).decode()) for name in HOOKS]


def _places(hooks: list[GitHook]) -> tuple[str, ...]:
    return tuple(hook.path for hook in hooks)


def _notes(context: Context, hooks: list[GitHook]) -> tuple[str, ...]:
    """What somebody who installs has to know of this place."""
    folder, notes = os.path.dirname(hooks[0].path), []
    inside = os.path.commonpath([folder, context.worktree]) == context.worktree
    shared = context.repo.common_dir or context.worktree
    if shutil.which("craftkit", path=context.env.get("PATH")) is None:
        notes.append("craftkit is not in PATH here: until it is, the hooks do nothing")
    if os.path.basename(os.path.dirname(folder)) == ".husky":
        notes.append("husky writes this folder anew when it is installed: then run this again")
    elif os.path.commonpath([folder, shared]) == shared:
        pass  # the usual place
    elif not inside:
        notes.append(f"{folder} may serve other repositories too: there the hooks do nothing")
    elif any(git.is_tracked(context.repo, hook.path) for hook in hooks):
        notes.append(f"{folder} is tracked by git: who gets these lines needs no craftkit")
    return tuple(notes)
