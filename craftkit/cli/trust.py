"""`craftkit trust …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from craftkit.cli import prompt
from craftkit.cli.options import AsJson
from craftkit.cli.output import Reply
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.runtime.context import Context

app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="See what a clone or the environment asks for, and agree to it or not.",
    epilog="Example: craftkit trust",
)


@app.callback()
def trust(
    typed: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to all of it, unasked.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show each value that waits for an agreement, and ask."""
    if typed.invoked_subcommand is not None:
        return 0

    def action(context: Context) -> Reply:
        from craftkit.commands import agreement

        ask = prompt.confirm if prompt.has_terminal() and not as_json else None
        agreed = agreement.ask_for_all(context, yes, ask)
        lines = [f"agreed: {one.name} {one.value}" for one in agreed]
        data = {"agreed": [one._asdict() for one in agreed]}
        return Reply(data, lines or ["nothing waits for your agreement"])

    return run_command("trust", as_json, action)


@app.command("list", epilog="Example: craftkit trust list")
def list_(as_json: AsJson = False) -> int:
    """List what was agreed to in this clone, and what waits."""

    def action(context: Context) -> Reply:
        rows = [(name, value) for name, values in context.agreed.items() for value in values]
        lines = [f"{name:<15} {value}" for name, value in rows]
        lines += [f"{w.name:<15} {w.value}  (waits: {w.source})" for w in context.waiting]
        data = {
            "agreed": [{"name": name, "value": value} for name, value in rows],
            "waiting": [one._asdict() for one in context.waiting],
        }
        return Reply(data, lines, [] if lines else ["nothing was agreed to"])

    return run_command("trust list", as_json, action)


@app.command(epilog="Example: craftkit trust revoke github.repo")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `trust list` names it.")],
    value: Annotated[
        str, typer.Argument(metavar="[VALUE]", help="One value; by default all of them.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Take back an agreement."""

    def action(context: Context) -> Reply:
        from craftkit.errors import UsageProblem
        from craftkit.runtime import trust as agreements

        if not agreements.revoke(context.state_dir, name, value):
            raise UsageProblem(
                f"Nobody has agreed to {name} {value}".rstrip() + " here.",
                "see `craftkit trust list`",
            )
        return Reply({"revoked": {"name": name, "value": value or None}}, ["taken back"])

    return run_command("trust revoke", as_json, action)
