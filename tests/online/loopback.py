"""The real command line, forked, against a sandbox GitHub that runs in this process."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import commands
import forked  # type: ignore[import-not-found]
import templates  # type: ignore[import-not-found]

from craftkit.sandbox import control
from craftkit.sandbox.access import Caller
from craftkit.sandbox.server import Server
from craftkit.sandbox.world import Token

REPO = "octo-dev/demo"
SPEC = "specs/demo.md"
LIMIT = 120  # seconds for one command; then it hangs
FOREIGN = re.compile(r"CRAFTKIT_|GIT_|GITHUB_|GH_|(HTTPS?|ALL|NO)_PROXY$", re.IGNORECASE)
AGENTS = ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "GEMINI_SESSION_ID", "CLAUDECODE")


class Said(NamedTuple):
    code: int  # negative: the signal by which it died
    out: str
    err: str

    @property
    def words(self) -> str:
        return f"exit {self.code}: {self.out[-600:]}{self.err[-600:]}"

    @property
    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Desk:
    """A repository of a user, with a sandbox at the other end of the line."""

    def __init__(self, where: Path, server: Server) -> None:
        self.where, self.server, self.state = where, server, server.state
        self.repo = where / "repo"
        self.untouched: tuple[str, dict[str, str]] | None = None
        self.env: dict[str, str] = {
            **server.environment("sandbox-token", REPO),
            "CRAFTKIT_GITHUB_REPO": REPO,
            "CRAFTKIT_SESSION": "s1",
            "CRAFTKIT_UNKNOWN_GRACE": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_COLOR": "1",
        }

    def begin(self, lines: str | int, front: str = forked.FRONT) -> Desk:
        """A set-up repository with one spec; a number of tasks, or their lines."""
        templates.set_up(self.repo, lambda: forked.prepare(self.repo, 0))
        self.write(lines, front)
        self.untouched = (self.text, dict(self.env))
        return self

    def write(self, lines: str | int, front: str = forked.FRONT, path: str = SPEC) -> None:
        if isinstance(lines, int):
            lines = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, lines + 1))
        (self.repo / path).write_text(f"{front}\n## Tasks\n\n{lines}", encoding="utf-8")

    @property
    def text(self) -> str:
        return (self.repo / SPEC).read_text(encoding="utf-8")

    def replace(self, old: str, new: str) -> None:
        assert old in self.text, f"{old!r} is not in\n{self.text}"
        (self.repo / SPEC).write_text(self.text.replace(old, new), encoding="utf-8")

    # Commands

    def ck(self, *args: str, prepare: Callable[[], None] | None = None, **env: str) -> Said:
        """Run a command; with `prepare`, in a child of this process, in which that runs first."""
        if prepare is None:
            kept = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
            done = commands.run(*args, cwd=self.repo, env={**kept, **self.env, **env})
            return self._checked(args, Said(*done))
        import github  # noqa: F401 - loaded before the fork, so that a command is quick
        import requests  # noqa: F401

        import craftkit.cli.app
        import craftkit.github.client
        import craftkit.loop.work_status  # noqa: F401

        paths = [self.where / "out.txt", self.where / "err.txt"]
        pid = os.fork()
        if pid == 0:
            self._child(args, prepare, {**self.env, **env}, paths)
        status = os.waitpid(pid, 0)[1]
        out, err = (p.read_text(encoding="utf-8", errors="replace") for p in paths)
        said = Said(os.waitstatus_to_exitcode(status), out, err)
        return self._checked(args, said)

    def _checked(self, args: tuple[str, ...], said: Said) -> Said:
        assert said.code != -signal.SIGALRM, f"{args} hangs: {said.words}"
        assert "Traceback" not in said.err and said.code != 99, f"{args}: {said.words}"
        return said

    def _child(
        self,
        args: tuple[str, ...],
        prepare: Callable[[], None] | None,
        env: Mapping[str, str],
        paths: list[Path],
    ) -> None:
        code = 99
        try:
            signal.alarm(LIMIT)
            for name in [n for n in os.environ if FOREIGN.match(n) or n in AGENTS]:
                del os.environ[name]
            os.environ.update(env)
            os.chdir(self.repo)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115
            with open(paths[0], "w", buffering=1) as out, open(paths[1], "w", buffering=1) as err:
                sys.stdout, sys.stderr = out, err
                if prepare is not None:
                    prepare()
                from craftkit.cli import main

                try:
                    code = main(args)
                except BaseException:
                    import traceback

                    traceback.print_exc()
        finally:
            os._exit(code)

    def ok(self, *args: str, **env: str) -> Said:
        said = self.ck(*args, **env)
        assert said.code == 0, f"{' '.join(args)}: {said.words}"
        return said

    def data(self, *args: str, **env: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ok(*args, "--json", **env).answer["data"]
        return found

    def link(self) -> None:
        """Link the spec; if nothing has happened since `begin`, as an earlier test has seen it."""
        if self.untouched != (self.text, self.env) or not self.is_first():
            self.ok("spec", "link", "--yes")
            return
        kept = templates.linked.get(self.text)
        if kept is None:
            self.ok("spec", "link", "--yes")
            templates.keep_linked(self.text, self.repo, self.server.url, self.state.world)
            return
        templates.put_back(kept, self.repo, self.server.url)
        with self.state.lock:
            self.state.world = kept.world

    def is_first(self) -> bool:
        """Whether nobody has asked or changed this GitHub yet."""
        state = self.state
        as_begun = state.world is state.first and state.capabilities is state.first_capabilities
        return as_begun and not (state.count or state.rules or state.offset or state.observers)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = forked.ask(self.repo, sql)
        return found

    # What GitHub has

    def issues(self) -> dict[int, dict[str, Any]]:
        with self.state.lock:
            shown = control.show_state(self.state)
        found = next(r for r in shown["repos"] if r["full_name"] == REPO)["issues"]
        return {issue["number"]: issue for issue in found}

    def issue(self, number: int) -> dict[str, Any]:
        return self.issues()[number]

    def requests(self) -> int:
        return self.state.count

    def log(self, since: int = 0) -> list[Any]:
        with self.state.lock:
            return [entry for entry in self.state.log if entry.number > since]

    def human(self, method: str, path: str, body: Any = None, login: str = "reviewer") -> Any:
        """Somebody does something on GitHub's page."""
        import urllib.request

        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.server.url}/repos/{REPO}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer sandbox-{login}"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def close(self, number: int, reason: str = "completed") -> None:
        self.human("PATCH", f"issues/{number}", {"state": "closed", "state_reason": reason})

    def delete(self, number: int) -> None:
        """An administrator deletes an issue on GitHub's page."""
        from craftkit.sandbox import links

        with self.state.lock:
            world = self.state.world
            repo = next(r for r in world.repos.values() if r.full_name == REPO)
            by = Caller(Token("octo-dev"), "octo-dev", self.state.stamp())
            issue = world.issues[world.numbers[repo.id][number]]
            self.state.commit(links.delete_issue(world, by, issue))

    def set_repo(self, **flags: Any) -> None:
        with self.state.lock:
            world = self.state.world
            repo = next(r for r in world.repos.values() if r.full_name == REPO)
            repos = {**world.repos, repo.id: repo._replace(**flags)}
            self.state.commit(world._replace(repos=repos))

    # Keeping and coming back

    def keep(self, name: str = "template") -> Any:
        """Remember repository and GitHub as they are now."""
        import shutil

        self.ask("pragma wal_checkpoint(truncate)")
        place = self.where / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.repo, place, symlinks=True)
        return place, self.state.world

    def back(self, kept: Any) -> None:
        place, world = kept
        forked.reset(self.repo, place)
        with self.state.lock:
            self.state.reset()
            self.state.world = world

    # What must be so in the end

    def end(self) -> dict[str, Any]:
        """All that has to be the same, whatever happened on the way."""
        shown = {
            number: {
                "title": issue["title"],
                "state": issue["state"],
                "reason": issue["reason"],
                "labels": sorted(issue["labels"]),
                "parent": issue["parent"],
                "blocked_by": sorted(issue["blocked_by"]),
                "comments": [
                    e["body"].split("\n\n<!-- craftkit comment=")[0]
                    for e in issue["timeline"]
                    if e["event"] == "commented"
                ],
            }
            for number, issue in self.issues().items()
        }
        return {
            "issues": shown,
            "spec": re.sub(r"(?m)^updated:.*$", "", self.text),
            "tasks": self.ask(
                "select task_id, issue, local_done, dropped, synced_done from tasks order by 1"
            ),
            "claims": self.ask("select task_id, session from claims order by 1"),
            "outbox": self.ask("select action, state from outbox where state <> 'delivered'"),
            "processes": self.ask("select kind, status from processes where status <> 'completed'"),
            "left over": sorted(p.name for p in self.repo.rglob("*craftkit-*")),
        }

    def doubles(self) -> list[str]:
        """Markers of tasks that two open issues carry."""
        found: dict[str, int] = {}
        for issue in self.issues().values():
            for line in re.findall(r"<!-- craftkit .* task=.* -->", issue["body"] or ""):
                if issue["state"].lower() == "open":
                    found[line] = found.get(line, 0) + 1
        return [line for line, count in found.items() if count > 1]

    def quiet(self, *args: str) -> list[str]:
        """Run a command that has nothing to do; what it wrote all the same."""
        world, before = self.state.world, self.end()
        mtime = (self.repo / SPEC).stat().st_mtime_ns
        said = self.ck(*(args or ("reconcile",)))
        wrong = [] if said.code in (0, 5) else [f"a further run: {said.words}"]
        if self.state.world is not world:
            wrong.append("a further run wrote to GitHub")
        if self.end() != before or (self.repo / SPEC).stat().st_mtime_ns != mtime:
            wrong.append("a further run changed something here")
        return wrong


def pause(seconds: float) -> None:
    time.sleep(seconds)
