"""The errors and warnings of glassnet: what was expected, what came, what to do.

Every error that a user can cause is a `GlassnetError`, so the command line prints it without a
traceback; each also inherits the built-in error that a Python programmer would expect.
"""

import importlib
from types import ModuleType


class GlassnetError(Exception):
    """Base of every error that is about what the user gave, not about a defect of glassnet."""


class ShapeError(GlassnetError, ValueError):
    """Shapes, axes or sizes that do not fit together."""


class GraphError(GlassnetError, RuntimeError):
    """A backward pass that cannot be: a freed graph, a value changed in place, no gradient."""


class DataError(GlassnetError, ValueError):
    """A data set, an image or a file that cannot be read as what it was said to be."""


class CheckpointError(GlassnetError, ValueError):
    """A checkpoint or weight file that does not fit the network, or is damaged."""


class TrainingError(GlassnetError, RuntimeError):
    """A training run that cannot go on: a loss that is not a number, a parameter nobody updates."""


class Refused(GlassnetError, PermissionError):
    """Something that the protocol does not allow, or does not allow yet."""


class Conflict(GlassnetError, RuntimeError):
    """Something that was done already, and otherwise than it is asked for now."""


class NotFound(GlassnetError, LookupError):
    """A name or an id that stands for nothing here."""


class MissingExtra(GlassnetError, ImportError):
    """An optional library that this function needs is not installed."""


class GlassnetWarning(UserWarning):
    """Something that is allowed but probably not meant; the message names the mend."""


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` installs.

    Raises MissingExtra with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"this needs the library '{module.split('.')[0]}', which is not installed; "
            f"install it with: pip install 'glassnet[{extra}]'"
        ) from error
