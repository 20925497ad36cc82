"""The command line that began a run, and the folder that the run gets where none was named."""

import itertools
import shlex
from pathlib import Path
from typing import Any

import click


def free_folder(data: str, model: str) -> Path:
    """runs/DATA-MODEL, or with the first number that makes it a new folder."""
    name = f"{Path(data).resolve().stem if Path(data).exists() else data}-{model}"
    numbered = (Path("runs", name if i == 1 else f"{name}-{i}") for i in itertools.count(1))
    return next(path for path in numbered if not path.exists())


def given(context: click.Context) -> dict[str, Any]:
    """The parameters that stood on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return {n: v for n, v in context.params.items() if context.get_parameter_source(n) is source}


def command_line(context: click.Context, argument: str) -> str:
    """The command line that began this run; `argument` is the name of what it worked on."""
    stood = given(context)
    words = ["glassnet", str(context.info_name), str(stood.pop(argument))]
    for parameter in context.command.params:
        if parameter.name in stood and parameter.name != "as_json":
            words += _option(parameter, stood[parameter.name])
    return shlex.join(words)


def _option(parameter: click.Parameter, value: Any) -> list[str]:
    name = parameter.opts[0]
    if getattr(parameter, "is_flag", False):
        return [name] if value else []
    if parameter.multiple:
        return [word for one in value for word in (name, str(one))]
    return [name, "x".join(map(str, value)) if isinstance(value, tuple) else str(value)]
