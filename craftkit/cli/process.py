"""`craftkit process …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from craftkit.cli.options import AsJson, Yes
from craftkit.cli.output import Reply
from craftkit.cli.prompt import agree
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.runtime.context import Context

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="See, resume and give up recorded operations."
)
ProcessId = Annotated[
    int,
    typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="Number from `process list`."),
]


@app.command("list", epilog="Example: craftkit process list --all")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Completed ones, too.")] = False,
    as_json: AsJson = False,
) -> int:
    """List operations that were interrupted; with --all the completed ones as well."""

    def action(context: Context) -> Reply:
        from craftkit.commands import process

        found = process.list_processes(context, every)
        lines = [
            f"{p['id']:>5}  {p['kind']:<14} {p['status']:<12} {p['current_step'] or ''}"
            for p in found
        ]
        notes = [] if found else ["no operation is unfinished"]
        return Reply({"processes": found}, lines, notes)

    return run_command("process list", as_json, action)


@app.command(epilog="Example: craftkit process show 12")
def show(process_id: ProcessId, as_json: AsJson = False) -> int:
    """Show the steps of one operation, with the time each took."""

    def action(context: Context) -> Reply:
        from craftkit.commands import process

        data = process.show(context, process_id)
        lines = [f"{data['kind']}: {data['status']}  {data['display']}"]
        lines += [
            f"  {s['position']}. {s['name']:<14} {s['status']:<8} {s['seconds']}"
            for s in data["steps"]
        ]
        if data["interrupt_reason"]:
            lines.append(f"interrupted: {data['interrupt_reason']}")
        return Reply({"process": data}, lines)

    return run_command("process show", as_json, action)


@app.command(epilog="Example: craftkit process resume 12")
def resume(process_id: ProcessId, as_json: AsJson = False) -> int:
    """Continue an interrupted operation at its first unfinished step."""

    def action(context: Context) -> Reply:
        from craftkit.commands import process

        data = process.resume(context, process_id)
        words = f"{data['kind']} {data['id']}: {data['status']}"
        return Reply({"process": data}, [words])

    return run_command("process resume", as_json, action)


@app.command(epilog="Example: craftkit process drop 12 --yes")
def drop(process_id: ProcessId, yes: Yes = False, as_json: AsJson = False) -> int:
    """Give up an interrupted operation that can never finish; what it did already stays."""

    def action(context: Context) -> Reply:
        from craftkit.commands import process

        row = process.to_drop(context, process_id)
        question = (
            f"Process {process_id} ({row.kind}) stopped at {row.current_step}, and what is"
            " left of it will never be done."
        )
        agree(question, yes, "Nothing was given up.")
        data, notes = process.drop(context, process_id)
        words = f"{data['kind']} {data['id']}: {data['status']}"
        return Reply({"process": data}, [words], notes)

    return run_command("process drop", as_json, action)
