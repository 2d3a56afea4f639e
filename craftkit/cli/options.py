"""Arguments and options that several commands share, and what a shell completes them to."""

from __future__ import annotations

from typing import Annotated

import typer


def complete_key(ctx: typer.Context, incomplete: str) -> list[str]:
    """Open tasks of the spec that is meant; an error must never reach the prompt."""
    from craftkit.errors import CraftkitError
    from craftkit.loop import spec_index
    from craftkit.runtime.context import open_context

    try:
        wanted = ctx.params.get("spec_name")
        tasks = spec_index.choose_spec(open_context(), wanted).spec.tasks
    except CraftkitError:
        return []
    words = [task.ref for task in tasks if not task.checked]
    if incomplete.startswith("gh"):  # the issue of a task that has a key, too
        words = [f"gh{task.issue}" for task in tasks if task.issue and not task.checked]
    return [word for word in words if word.startswith(incomplete)]


def complete_spec(incomplete: str) -> list[str]:
    """Ids of specs; an error must never reach the prompt."""
    from craftkit.errors import CraftkitError
    from craftkit.loop import spec_index
    from craftkit.runtime.context import open_context

    try:
        specs = spec_index.load_all(open_context())
    except CraftkitError:
        return []
    return [spec.id for spec in specs if spec.id.startswith(incomplete)]


AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
SpecName = Annotated[
    str | None,
    typer.Option(
        "--spec",
        metavar="ID|PATH|#N",
        help="The spec; by default the active one, else the only one.",
        autocompletion=complete_spec,
    ),
]
SpecArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[SPEC]",
        help="ID, path or #N of the spec, as with --spec.",
        autocompletion=complete_spec,
        show_default=False,
    ),
]
SessionId = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="Who is at work; by default $CRAFTKIT_SESSION."),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Do not use the network; writes to GitHub wait.")
]
PublishSecrets = Annotated[
    bool, typer.Option("--publish-secrets", help="Also titles that look like secrets.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
RequireSync = Annotated[
    bool, typer.Option("--require-sync", help="Exit with 7 if GitHub does not have it yet.")
]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="T012, 1.2, gh541, an issue's address or a short id like ~k3f.",
        autocompletion=complete_key,
        show_default=False,
    ),
]
MaybeKey = Annotated[
    str | None,
    typer.Argument(
        metavar="[KEY]",
        help="T012, 1.2, gh541 or ~k3f; by default the task in progress.",
        autocompletion=complete_key,
        show_default=False,
    ),
]
AnyKey = Annotated[  # not "by default the task in progress": who means it says so
    str | None,
    typer.Argument(
        metavar="KEY",
        help="T012, 1.2, gh541, an issue's address or a short id like ~k3f.",
        autocompletion=complete_key,
        show_default=False,
    ),
]
