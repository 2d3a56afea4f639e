"""The settings: defaults, then `.craftkit/config.yaml`, then CRAFTKIT_<SECTION>_<KEY>."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from craftkit import disk
from craftkit.errors import BadConfig
from craftkit.repo import STATE_DIR, Repo
from craftkit.runtime import trust

FILE = os.path.join(STATE_DIR, "config.yaml")
LIMIT = 1 << 20  # bytes of it

DEFAULTS: dict[str, Any] = {
    "github.repo": "",
    "github.api_url": "",
    "github.project": "",
    "github.in_progress_label": "status: in-progress",
    "github.phase_label": "phase: ",
    "github.comments": "false",
    "specs.task_sections": [],
    "specs.branches": [],
    "session.live_minutes": "60",
    "agents.auto_done": "box",
    "mcp.trust": "collaborators",
}


# Settings that are one of a few words.
CHOICES = {
    "agents.auto_done": ("box", "explicit"),  # what a ticked box does where hooks see it
    "mcp.trust": ("collaborators", "all"),  # whose words on GitHub are shown
}


def config_file(repo: Repo) -> str:
    """The configuration that counts in a worktree: its own, else that of the main worktree."""
    own = os.path.join(repo.worktree, FILE)
    if repo.root == repo.worktree or os.path.exists(own):
        return own
    return os.path.join(repo.root, FILE)


def read_config(
    repo: Repo, env: Mapping[str, str], agreed: trust.Agreed
) -> tuple[dict[str, Any], list[trust.Waiting]]:
    """Defaults, then `.craftkit/config.yaml`, then CRAFTKIT_<SECTION>_<KEY>, as far as they may.

    Of settings that need an agreement only what was `agreed` to holds; the rest waits for one.
    Raises BadConfig.
    """
    config = dict(DEFAULTS)
    path = config_file(repo)
    try:
        text = disk.read_regular(path, LIMIT).decode("utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise BadConfig(
            f"{path} cannot be read ({error.strerror}).", "check the file and its mode"
        ) from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} is not UTF-8.", "save it as UTF-8, or delete it") from error
    is_set: set[str] = set()
    for section, values in _parse(path, text).items():
        if isinstance(values, dict):
            for key, value in values.items():
                config[f"{section}.{key}"] = value
                is_set.add(f"{section}.{key}")
    for name in DEFAULTS:
        override = env.get(variable(name))
        if override is not None and name not in trust.SETTINGS:
            config[name] = override.split(",") if isinstance(DEFAULTS[name], list) else override
        config[name] = _checked(name, config[name])
    waiting: list[trust.Waiting] = []
    for name in trust.SETTINGS:
        asked = [(variable(name), env.get(variable(name)))]
        # What `init` leaves empty for somebody to fill in says nothing.
        asked.append((FILE, (config[name] or None) if name in is_set else None))
        if name == trust.REPO and env.get("GITHUB_REPOSITORY"):
            asked.append(("GITHUB_REPOSITORY", env["GITHUB_REPOSITORY"]))
        config[name], more = trust.choose(name, asked, agreed, DEFAULTS[name])
        config[name] = _checked(name, config[name])
        waiting += more
    return config, waiting


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return "CRAFTKIT_" + name.upper().replace(".", "_")


def _checked(name: str, value: Any) -> Any:
    """A setting in the form that the code relies on.  Raises BadConfig."""
    wanted = "one word"
    if isinstance(DEFAULTS[name], list):
        wanted = "a list of words"
        value = [value] if value and isinstance(value, str) else value or []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    elif isinstance(value, str):
        if name == "session.live_minutes" and not _is_number(value):
            wanted = "a number of minutes"
        elif name in CHOICES and value not in CHOICES[name]:
            wanted = " or ".join(CHOICES[name])
        else:
            return value
    raise BadConfig(
        f"The setting {name} has to be {wanted}, not {str(value)[:40]!r}.",
        f"correct it in .craftkit/config.yaml or CRAFTKIT_{name.upper().replace('.', '_')}",
    )


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) <= 10_000_000
    except ValueError:
        return False


def _parse(path: str, text: str) -> dict[str, Any]:
    from craftkit.specs.meta import plain_yaml
    from craftkit.specs.meta import read_config as read_simple_config

    simple = read_simple_config(text)
    if simple is not None:
        return dict(simple)
    import yaml

    try:
        loaded = plain_yaml(text)
    except (yaml.YAMLError, RecursionError) as error:
        first = getattr(error, "problem", None) or str(error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise BadConfig(
            f"{path} is not valid YAML ({where}{first}).", "correct it, or delete it"
        ) from error
    if loaded in (None, ""):
        return {}
    if not isinstance(loaded, dict):
        raise BadConfig(
            f"{path} is not a mapping.",
            "write `key: value` lines below `section:` lines, or delete it",
        )
    return loaded
