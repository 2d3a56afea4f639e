"""The command line, thin over the use-cases in `craftkit.commands`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer


_NO_NUMBER = r"Invalid value for '\[?([^']*?)\]?': ('.*') is not a valid int(?:eger)?(?: range)?\.?"


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code.  It raises for debugging only."""
    from craftkit.cli import output, run
    from craftkit.errors import CraftkitError

    output.replace_closed_streams()
    try:
        code = _run(list(argv))
        output.flush()
        return code
    except CraftkitError as error:  # the answer itself could not be printed
        return run.fail("", False, error)


def _run(arguments: list[str]) -> int:
    import typer
    from typer._click.exceptions import ClickException, NoArgsIsHelpError
    from typer.main import get_command

    from craftkit.cli import output, run
    from craftkit.cli.app import app
    from craftkit.errors import EXIT_INTERRUPTED, CraftkitError, UsageProblem

    as_json = "--json" in arguments
    words = _words(app, arguments)
    try:
        tree = get_command(_prune(app, arguments))
        code = tree.main(args=arguments, prog_name="craftkit", standalone_mode=False)
        return int(code or 0)
    except NoArgsIsHelpError as error:
        output.print_data(error.format_message())
        return 2
    except ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else f"craftkit {words}".strip()
        hint = f"see `{path} --help`"
        if getattr(error, "option_name", "") == "--json":
            hint = "write it behind the command, as in `craftkit status --json`"
        text = error.format_message()
        if words.startswith("knowledge ") and "unexpected extra argument" in text:
            hint = f'one text in quotes, and the task by name: `craftkit {words} "TEXT" --task KEY`'
        problem = UsageProblem(_sentence(text), hint)
        return run.fail(words, as_json, problem)
    except typer.Exit as error:
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        output.print_note("interrupted")
        return EXIT_INTERRUPTED
    except SystemExit as error:  # typer ends so when a pipe that it prints to is closed
        return 0 if {"-h", "--help"} & set(arguments) else int(error.code or 0)
    except CraftkitError:
        raise
    except Exception as error:
        if os.environ.get("CRAFTKIT_DEBUG") == "1":
            raise
        text = f"craftkit met an error of its own ({type(error).__name__}: {error})."
        hint = "run it again with CRAFTKIT_DEBUG=1 and report what it prints"
        return run.fail(words, as_json, CraftkitError(text, hint))


def _words(app: typer.Typer, arguments: Sequence[str]) -> str:
    """The command that is named, as in `task done`; as much of it as there is."""
    words = [a for a in arguments if not a.startswith("-")]
    noun, verb = [*words, "", ""][:2]
    if any(_name(c) == noun for c in app.registered_commands):
        return noun
    group = next((g.typer_instance for g in app.registered_groups if g.name == noun), None)
    if group is None:
        return ""
    return f"{noun} {verb}" if any(_name(c) == verb for c in group.registered_commands) else noun


def _prune(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """The tree with only the command that is named: building it whole costs more than most runs.

    If the words name none (help, a typing error, shell completion), the tree stays whole.
    """
    noun = arguments[0] if arguments else ""
    groups = [copy(g) for g in app.registered_groups if g.name == noun]
    commands = [c for c in app.registered_commands if _name(c) == noun]
    if not groups and not commands:
        return app
    app = copy(app)
    app.registered_groups, app.registered_commands = groups, commands
    for group in groups:
        group.typer_instance = inner = copy(group.typer_instance)
        verb = arguments[1] if len(arguments) > 1 else ""
        if inner is not None:
            chosen = [c for c in inner.registered_commands if _name(c) == verb]
            inner.registered_commands = chosen or inner.registered_commands
    return app


def _name(command: Any) -> str:
    return str(command.name or command.callback.__name__.replace("_", "-"))


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    text = re.sub(_NO_NUMBER, r"\1 must be a whole number, and \2 is not one.", text)
    return text if text.endswith((".", "?")) else text + "."
