import os
import subprocess
import sys

import pytest

import glassnet
from glassnet.cli import console, main
from glassnet.errors import GlassnetError
from tests.cli.conftest import Invoke

COMMANDS = (
    "demo train transfer predict features export summary models data report dream humans "
    "compare-pretraining serve kernels warm-up"
).split()


def glassnet_command(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glassnet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_help_lists_the_commands_in_the_order_of_use(invoke: Invoke) -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    listed = result.output.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == COMMANDS
    assert "..." not in listed  # no sentence is cut off


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"  glassnet {command}" in result.output
    assert "--json" in result.output


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").output == f"glassnet {glassnet.__version__}\n"


@pytest.mark.parametrize(("typed", "meant"), [("tarin", "train"), ("predct", "predict")])
def test_a_misspelt_command(invoke: Invoke, typed: str, meant: str) -> None:
    result = invoke(typed)
    assert result.exit_code == 2
    assert f"'{meant}'" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from glassnet.cli import cli; cli(['train', '--help'], standalone_mode=False);"
        "print(sorted({'PIL', 'scipy', 'matplotlib', 'rich', 'jinja2', 'safetensors'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_terminal_that_knows_ascii_alone() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = glassnet_command("models", env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "digits" in done.stdout


def test_the_console_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["glassnet", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("glassnet ")


def test_a_user_mistake_is_one_paragraph_and_exit_code_1() -> None:
    done = glassnet_command("predict", "nowhere", "x.png")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("glassnet: nowhere")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (GlassnetError("the cause and the mend"), 1, "the cause and the mend"),
        (PermissionError(13, "Permission denied", "/locked/x"), 1, "/locked/x: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (console.Unfinished("half done", {}, interrupted=True), 130, "half done"),
    ],
)
def test_exit_codes(raised: BaseException, code: int, text: str) -> None:
    with pytest.raises(console.Failure) as failure, console.failures():
        raise raised
    assert failure.value.exit_code == code
    assert failure.value.message == text


@pytest.mark.parametrize("raised", [ZeroDivisionError("a defect"), OSError("without a file")])
def test_a_defect_is_not_hidden(raised: Exception) -> None:
    with pytest.raises(type(raised)), console.failures():
        raise raised
