"""What the commands share: a console, and one way to say that something is wrong."""

import contextlib
from collections.abc import Iterator
from typing import NoReturn

import typer
from rich.console import Console

FAULT = 1  # exit status for a fault of our own, or of the machine
USAGE = 2  # exit status for a call that cannot be carried out as given

WIDTH_WITHOUT_TERMINAL = 140  # columns, when the output goes to a file or a pipe


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or standard error."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = WIDTH_WITHOUT_TERMINAL
    return made


def say_error(message: str) -> None:
    """One clear line on standard error."""
    typer.secho(f"wirebeam: {message}", err=True, fg=typer.colors.RED)


def fail(message: str, status: int) -> NoReturn:
    """Say what is wrong, and exit with `status`."""
    say_error(message)
    raise typer.Exit(status)


@contextlib.contextmanager
def usage_errors(option: str = "") -> Iterator[None]:
    """Whatever option makes no sense ends the command with one clear line."""
    try:
        yield
    except ValueError as error:
        fail(f"{option}: {error}" if option else str(error), USAGE)
