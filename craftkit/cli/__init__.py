"""The command line, thin over the use-cases in `craftkit.workflow`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; never raises, save for debugging."""
    import typer
    from typer._click.exceptions import ClickException, NoArgsIsHelpError
    from typer.main import get_command

    from craftkit.cli import output
    from craftkit.cli.app import app
    from craftkit.errors import EXIT_INTERRUPTED, CraftkitError, UsageProblem

    arguments = list(argv)
    as_json = "--json" in arguments
    words = " ".join(a for a in arguments[:2] if not a.startswith("-"))
    try:
        tree = get_command(_prune(app, arguments))
        code = tree.main(args=arguments, prog_name="craftkit", standalone_mode=False)
        return int(code or 0)
    except NoArgsIsHelpError as error:
        output.out(error.format_message())
        return 2
    except ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "craftkit"
        problem = UsageProblem(_sentence(error.format_message()), f"see `{path} --help`")
        return output.fail(words, as_json, problem)
    except typer.Exit as error:
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        output.say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("CRAFTKIT_DEBUG") == "1":
            raise
        text = f"craftkit met an error of its own ({type(error).__name__}: {error})."
        hint = "run it again with CRAFTKIT_DEBUG=1 and report what it prints"
        return output.fail(words, as_json, CraftkitError(text, hint))


def _prune(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """The tree with only the command that is named: building it whole costs more than most runs.

    Where the words name none (help, a typing error, shell completion) the tree stays whole.
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
    return text if text.endswith((".", "?")) else text + "."
