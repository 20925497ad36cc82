"""The command line: one file a command, each a thin layer of words over the library.

Here live options, what a command says, and the JSON it answers with. No logic that a Python user
would miss lives here. Commands import what they need when they run, so that `--help` is quick.
"""

from glassnet.cli.app import cli, main

__all__ = ["cli", "main"]
