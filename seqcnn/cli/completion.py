"""What the shell offers when the tab key is pressed; see docs/installing.md for how it is switched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import CompletionItem

from seqcnn.models import catalogue

DEVICES: Final = ("auto", "cpu", "cuda", "mps")


class Word(click.types.StringParamType):
    """Text for which the shell offers file names, as it does for other programs."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


class Names(click.types.StringParamType):
    """Text for which the shell offers names; others are not refused here, but where they are used.

    Parameters
    ----------
    names : sequence of str
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin so."""
        return [CompletionItem(name) for name in self.names if name.startswith(incomplete)]


def complete_words(command: click.Command) -> click.Command:
    """Have a command's words complete: text to file names, and the names of architectures and devices to these."""
    for parameter in command.params:
        if parameter.name in ("architecture", "device"):
            names = catalogue.trainable() if parameter.name == "architecture" else DEVICES
            parameter.type = Names(names)
        elif isinstance(parameter.type, click.types.StringParamType):
            parameter.type = Word()
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        complete_words(each)
    return command
