"""Options that were said and have no use as the others are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import click
from click.core import ParameterSource

from seqcnn.errors import UsageError
from seqcnn.training.options import TrainOptions


def refuse_idle(uses: Mapping[str, tuple[bool, str]]) -> None:
    """Refuse options of the command line that change nothing, but for their defaults.

    Those of --config may be meant for other runs, and are let be.

    Parameters
    ----------
    uses : mapping
        Of options' names to whether they have a use, and what would give them one.

    Raises
    ------
    UsageError
    """
    ctx = click.get_current_context()
    usual = {field.name: field.default for field in fields(TrainOptions)}
    for option in ctx.command.params:
        used, needed = uses.get(str(option.name), (True, ""))
        default = usual.get(str(option.name), option.default)
        said = ctx.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if said and not used and ctx.params[str(option.name)] != default:
            raise UsageError(f"{option.opts[-1]} has no use here: {needed}")
