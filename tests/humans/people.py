"""People for the tests of the human bench."""

from collections.abc import Callable

from glassnet.humans.bench import Bench, Session


def join(bench: Bench) -> Session:
    """A participant who was invited and consented."""
    session = bench.accept(bench.invite(1)[0])
    session.consent(True, seen_before=False, browser="a test", screen=(1280, 720))
    return session


def finish(session: Session, answers: Callable[[int], list[str]] | None = None) -> None:
    """Answer every trial, rightly unless `answers(trial)` says otherwise."""
    view = session.current()
    while view is not None:
        truth = list(session.trials[view.trial].truth)
        given = truth if answers is None else answers(view.trial)
        view = session.answer(view.trial, view.token, view.revision, given, 800).next
