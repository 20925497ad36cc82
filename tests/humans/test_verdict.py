import pytest

from glassnet.humans.verdict import judge, relevant


@pytest.mark.parametrize(
    ("difference", "p", "smallest", "below", "kind", "words"),
    [
        (-0.03, 0.01, 0.01, None, "better", "better"),
        (-0.03, 0.05, 0.09, None, "better", "better"),  # what is shown is shown
        (0.03, 0.01, 0.01, None, "worse", "worse"),
        (-0.01, 0.2, 0.01, None, "not shown", "not shown"),
        (-0.01, 0.2, 0.03, None, "too few images", "too few images"),
        (0.0, 0.0, 0.01, None, "not shown", "not shown"),
        (0.004, 0.3, 0.03, 0.02, "not shown", "not worse by the margin"),
        (0.004, 0.3, 0.03, 0.04, "too few images", "too few images"),
        (0.03, 0.01, 0.01, 0.001, "worse", "worse"),  # worse, though by less than the margin
    ],
)
def test_verdicts(
    difference: float, p: float, smallest: float, below: float | None, kind: str, words: str
) -> None:
    verdict = judge(difference, p, smallest, wanted=0.02, p_not_inferior=below)
    assert (verdict.kind, verdict.words) == (kind, words)


def test_what_should_be_seen() -> None:
    assert relevant(0.06, 0.0) == 0.03
    assert relevant(0.06, 0.01) == 0.01
