"""What a person is shown and asked: values that came with a clone, or with the environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from craftkit import repo as git
from craftkit.errors import BadConfig, CannotWrite, UsageProblem
from craftkit.runtime import trust
from craftkit.runtime.config import FILE, variable
from craftkit.runtime.context import Context
from craftkit.runtime.trust import Waiting
from craftkit.text import one_line

THE_REMOTE, THE_ENVIRONMENT, SAID = "the git remote", "the environment", "--host"


class Word(NamedTuple):
    """What the person who runs a command says beside it."""

    yes: bool = False  # agree without a question
    committed: bool = False  # also beside an agent, to what the configuration says
    host: str = ""  # an Enterprise host to agree to
    ask: Callable[[str], bool] | None = None  # a terminal that can be asked


NO_WORD = Word()


def at_init(context: Context, of_remotes: Sequence[str], word: Word) -> list[Waiting]:
    """Agree to what the environment and the remote say, and to the rest if the person says so.

    Running `init` is the person's word; beside an agent `--yes` is.
    """
    beside_agent = context.session.agent != "person"
    if beside_agent and not word.yes:
        return []
    agreed = _new(context, _by_word(context, of_remotes, word.host))
    named = {(one.name, one.value) for one in agreed}
    others = [one for one in context.waiting if (one.name, one.value) not in named]
    for one in (*others, *_host_of_remote(context, agreed)):
        if _says_yes(one, word, beside_agent, of_remotes[-1] if of_remotes else ""):
            agreed.append(one)
    _keep(context, agreed)
    return agreed


def _says_yes(one: Waiting, word: Word, beside_agent: bool, of_remote: str) -> bool:
    if beside_agent:
        return word.committed
    if word.ask is not None and not word.yes:
        return word.ask(question(one, of_remote))
    return word.yes


def _by_word(context: Context, of_remotes: Sequence[str], host: str) -> list[Waiting]:
    """What holds because the person runs `init` here and now."""
    env = context.env
    of_env = env.get(variable(trust.REPO)) or env.get("GITHUB_REPOSITORY", "")
    found = [Waiting(trust.REPO, one, THE_REMOTE) for one in of_remotes]
    if of_env:  # it comes last: the newest agreement is the one that counts
        found.append(Waiting(trust.REPO, of_env, THE_ENVIRONMENT))
    for name in (trust.PROJECT, trust.READ):
        if env.get(variable(name)):
            found.append(Waiting(name, env[variable(name)], THE_ENVIRONMENT))
    found += [Waiting(trust.HOST, one, THE_ENVIRONMENT) for one in _hosts_of_environment(context)]
    if host:
        found.append(Waiting(trust.HOST, host.lower(), SAID))
    return found


def _hosts_of_environment(context: Context) -> list[str]:
    from craftkit.github import address
    from craftkit.sync import destination

    env = context.env
    hosts = [env["GH_HOST"].lower()] if env.get("GH_HOST") else []
    try:
        server = address.find_server(env, context.config, git.remote(context.repo))
    except BadConfig:
        return hosts
    if server.named and not destination.is_agreed(server, {}) and not address.is_loopback(server):
        hosts.append(destination.host_of(server))
    return hosts


def _host_of_remote(context: Context, agreed: Sequence[Waiting]) -> list[Waiting]:
    """The host that the configuration or the remote leads to, if a question is left about it."""
    from craftkit.github import address
    from craftkit.sync import destination

    try:
        server = address.find_server(context.env, context.config, git.remote(context.repo))
    except BadConfig:
        return []
    host = destination.host_of(server)
    known = {trust.HOST: [one.value for one in agreed if one.name == trust.HOST]}
    known[trust.HOST] += context.agreed.get(trust.HOST, ())
    if destination.is_agreed(server, known) or address.is_loopback(server):
        return []
    return [Waiting(trust.HOST, host, f"{FILE} or the git remote")]


def _new(context: Context, values: Sequence[Waiting]) -> list[Waiting]:
    found: dict[tuple[str, str], Waiting] = {}
    for one in values:
        if not trust.is_agreed(one.name, one.value, context.agreed):
            found.setdefault((one.name, one.value), one)
    return list(found.values())


def _keep(context: Context, values: Sequence[Waiting]) -> None:
    try:
        for one in values:
            trust.agree(context.state_dir, one.name, one.value)
    except OSError as error:
        raise CannotWrite(
            f"{error.filename or context.state_dir} cannot be written ({error.strerror}).",
            "check the permissions of the folder",
        ) from error


def question(one: Waiting, of_remote: str = "") -> str:
    """Of a fork the person chooses where the issues are: at the remote, or upstream."""
    if one.name == trust.REPO and of_remote:
        return (
            f"The git remote is {one_line(of_remote, 120)}, and {one.source} names"
            f" {one_line(one.value, 120)}. Are the issues in {one_line(one.value, 120)}?"
        )
    return f"{one.source} sets {one.name} to {one_line(one.value, 120)}. Agree to it?"


def waits(one: Waiting) -> tuple[str, str, str, str]:
    """Severity, code, message and hint of a value that does not hold."""
    return (
        "warning",
        "not_agreed",
        f"{one.source} sets {one.name} to {one_line(one.value, 120)}; nobody has agreed to it in"
        " this clone, so it does not hold.",
        "`craftkit trust` shows it and asks",
    )


def ask_for_all(context: Context, yes: bool, ask: Callable[[str], bool] | None) -> list[Waiting]:
    """`trust`: ask about each value that waits; those that were agreed to.  Raises UsageProblem."""
    waiting = [*context.waiting, *_host_of_remote(context, [])]
    if not waiting:
        return []
    if context.session.agent != "person":
        raise UsageProblem(
            f"{context.session.agent} is at work here, and an agreement is a person's word.",
            "run `craftkit trust` yourself",
        )
    if ask is None and not yes:
        raise UsageProblem(
            f"{question(waiting[0])} Nobody can be asked here.", "run it again with `--yes`"
        )
    agreed = [one for one in waiting if yes or (ask is not None and ask(question(one)))]
    _keep(context, agreed)
    return agreed
