"""--config: options from a YAML file, where the command line does not say them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from seqcnn.cli import options
from seqcnn.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])


def config() -> Callable[[F], F]:
    """--config."""
    return options.option(
        "--config",
        metavar="YAML",
        is_eager=True,
        expose_value=False,
        callback=_take,
        help="File with options, such as a trial's of calibrate; what is said in the command comes first.",
    )


def _take(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Make the options of a file the defaults of this command.

    Raises
    ------
    InputError
        If the file cannot be read, has an option that the command has not, or a value that the option cannot have.
    """
    if path is None:
        return
    known = {
        spelling.removeprefix("--"): each
        for each in ctx.command.params
        if isinstance(each, click.Option) and each is not parameter
        for spelling in each.opts
        if spelling.startswith("--")
    }
    defaults = {}
    for name, value in _read(path).items():
        name = str(name).replace("_", "-")
        if name not in known:
            raise InputError(f"has the option {name!r}, which `{ctx.command_path}` has not", path)
        if value is not None:
            option = known[name]
            defaults[str(option.name)] = _checked(ctx, option, name, value, path)
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _read(path: str) -> Mapping[Any, Any]:
    import yaml

    from seqcnn.formats.output import describe

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is not YAML ({' '.join(str(error).split())})", path) from error
    except OSError as error:
        raise InputError(describe(error), path) from error
    if not isinstance(content, dict):
        raise InputError("does not hold options, one a line: name: value", path)
    return content


def _checked(ctx: click.Context, option: click.Option, name: str, value: Any, path: str) -> Any:
    """Return a value as the command line would have it: as text, a list with commas between."""
    if option.multiple:
        value = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    elif isinstance(value, list):
        value = ",".join(map(str, value))
    elif not option.is_flag:
        value = str(value)
    try:
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise InputError(f"{name}: {error.message.rstrip('.')}", path) from error
    return value
