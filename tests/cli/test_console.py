import warnings

import click
import pytest

import glassnet as gn
from glassnet.cli import console
from glassnet.errors import GlassnetWarning


def test_warnings_of_glassnet_are_notes(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with console.failures():
            warnings.warn("an empty folder is left out", GlassnetWarning, stacklevel=1)
            warnings.warn("something else", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: an empty folder is left out\n"
    assert [str(other.message) for other in others] == ["something else"]


def test_an_unfinished_command_still_answers(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @console.answers
    def half() -> console.Answer:
        raise console.Unfinished("the other half is missing", {"half": 1})

    with pytest.raises(console.Unfinished):
        half.main(["--json"], standalone_mode=False)
    assert capsys.readouterr().out == '{"half": 1}\n'


def test_a_table_takes_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(("class", "count"), [("[red]cat[/red]", "3")], title="[b]all[/b]")
    out = capsys.readouterr().out
    assert "[red]cat[/red]" in out
    assert "[b]all[/b]" in out


@pytest.mark.parametrize("compiled", [True, False])
def test_threads_by_themselves(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.kernels.compiled", lambda: compiled)
    before = gn.get_num_threads()
    with console.threads(None):
        assert gn.get_num_threads() == (before if compiled else 1)
    with console.threads(before + 1):
        assert gn.get_num_threads() == before + 1
    assert gn.get_num_threads() == before
