"""Which session a process belongs to.  Loads next to nothing: hooks ask at every edit."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The variables by which coding agents make themselves known to the commands that they run.
AGENT_SESSIONS = (
    ("claude", "CLAUDE_CODE_SESSION_ID"),
    ("codex", "CODEX_THREAD_ID"),
    ("gemini", "GEMINI_SESSION_ID"),
)
WITH_SESSION = tuple(name for name, _ in AGENT_SESSIONS)
AGENT_MARKS = (("claude", "CLAUDECODE"), ("gemini", "GEMINI_CLI"), ("cursor", "CURSOR_AGENT"))


def session_and_agent(
    env: Mapping[str, str], worktree: str, given: str | None = None
) -> tuple[str, str]:
    """The id of the session and the name of the agent, "person" where there is none.

    Without a session id from the caller or the agent, everybody in one worktree is one session:
    agents start a new terminal session for each command, so that nothing finer would hold.
    """
    session, agent = given or env.get("CRAFTKIT_SESSION"), env.get("CRAFTKIT_AGENT")
    for name, variable in AGENT_SESSIONS:
        if env.get(variable):
            session, agent = session or env[variable], agent or name
    for name, variable in AGENT_MARKS:
        if env.get(variable):
            agent = agent or name
    if not session:
        from craftkit import digests

        session = "local-" + digests.sha256(os.fsencode(worktree))[:8]
    if not session.replace("-", "").isalnum():  # an id of an agent is; a token is not
        from craftkit.text import one_line, redact

        session = redact(one_line(session))
    return session, agent or "person"


def user_name(env: Mapping[str, str]) -> str:
    """Who runs this, as `getpass.getuser` says; without its import of terminals."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if env.get(variable):
            return env[variable]
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, AttributeError):
        return "unknown"
