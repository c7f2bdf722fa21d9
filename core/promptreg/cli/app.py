"""The application: its commands, and what happens to errors."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import nullcontext
from typing import Annotated, Any

import typer
import typer.main

from promptreg import __version__
from promptreg.cli import (
    added,
    bisect,
    cache,
    calibrate,
    compare,
    doctor,
    gate,
    generate,
    history,
    init,
    judge,
    plan,
    plugins,
    rescore,
    runs,
    scenarios,
    templates,
    transfer,
    validate,
)
from promptreg.cli.streams import only_documents
from promptreg.errors import ExitCode, PromptregError

__all__ = ["app", "run"]

# Typer carries its own copy of click since 0.29 and used the package before; whichever it is,
# this is the class of the errors that are the caller's.
_WrongUsage: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    name="promptreg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Tells whether an edit to a prompt template made a model's answers worse: where, by how "
        "much, and how sure.\n\n"
        "Start with 'promptreg init demo', then 'promptreg compare v1 v2' in that folder.\n\n"
        "Exit codes: 0 pass or done, 1 regression, 2 usage or suite error, 3 inconclusive, "
        "4 not comparable, 5 provider, store or budget stopped the work, 130/143 interrupted."
    ),
)


def _version(value: bool) -> None:
    if value:
        print(f"promptreg {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options that go before a command."""


for _command in (
    init.init,
    validate.validate,
    plan.plan,
    runs.run,
    compare.compare,
    gate.gate,
    calibrate.calibrate,
    generate.generate,
    bisect.bisect,
    rescore.rescore,
    doctor.doctor,
    transfer.export,
    transfer.import_,
):
    app.command(name=_command.__name__.strip("_"))(_command)
app.add_typer(scenarios.app, name="scenarios")
app.add_typer(judge.app, name="judge")
app.add_typer(plugins.app, name="plugins")
app.add_typer(cache.app, name="cache")
app.add_typer(templates.app, name="templates")
app.add_typer(history.app, name="history")


@functools.cache
def _own(first: str) -> Any:
    """Return what reads a command of promptreg's own, that command alone; None: it is none.

    To look into the signatures of all commands takes longer than most of them work.
    """
    return added.alone(app, first)


def _parser(first: str) -> Any:
    """Return what reads arguments that begin with a word."""
    own = _own(first)
    if own is not None or first == "--version":
        return own or typer.main.get_command(app)
    whole = added.with_commands(app, first)
    return added.alone(whole, first) or typer.main.get_command(whole)


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code.

    Every deliberate error is one message on stderr; a traceback appears only for a defect of
    promptreg itself, and only with PROMPTREG_DEBUG=1.
    """
    try:
        first = arguments[0] if arguments else ""
        parser = _parser(first)
        alone = "--json" in arguments and _own(first) is not None
        with only_documents() if alone else nullcontext():
            result = parser(args=arguments, prog_name="promptreg", standalone_mode=False)
    except PromptregError as e:
        return _complain(str(e), int(e.exit_code))
    except typer.Abort:
        return _complain("interrupted", int(ExitCode.INTERRUPTED))
    except _WrongUsage as e:
        e.show()
        return int(ExitCode.USAGE)
    except SystemExit as e:
        if _own(arguments[0] if arguments else "") is None or "_PROMPTREG_COMPLETE" in os.environ:
            raise  # a stranger's command may end so, and Typer does where it tells a shell
        # Its code would be read as a verdict: 0 is a pass.
        return _complain(
            f"a plug-in ended the program (SystemExit: {e.code}); nothing was decided",
            int(ExitCode.USAGE),
        )
    except KeyboardInterrupt:
        return _complain("interrupted; the next call resumes", int(ExitCode.INTERRUPTED))
    except OSError as e:
        where = f" ({e.filename})" if e.filename else ""
        return _complain(f"{e.strerror or e}{where}", int(ExitCode.EXECUTION))
    except Exception as e:
        if os.environ.get("PROMPTREG_DEBUG"):
            raise
        return _complain(
            f"internal error: {type(e).__name__}: {e} (PROMPTREG_DEBUG=1 shows where)",
            int(ExitCode.EXECUTION),
        )
    if result == ExitCode.INTERRUPTED:  # newer versions of typer take Ctrl-C themselves
        return _complain("interrupted; the next call resumes", int(ExitCode.INTERRUPTED))
    return int(result) if isinstance(result, int) else 0


def _complain(message: str, code: int) -> int:
    # Control characters in a message may come from a hostile file; a terminal must not obey them.
    clean = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in message)
    print(f"promptreg: {clean}", file=sys.stderr)
    return code
