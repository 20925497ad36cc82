"""People and networks made up for tests: what they answer is drawn, so their errors are known."""

import numpy as np

from glassnet.humans.answers import Answers, ModelAnswers, Trial

CLASSES = ("cat", "dog", "owl", "<script>alert(1)</script>")


def make(
    people: int = 6,
    images: int = 120,
    error: float = 0.2,
    networks: dict[str, float] | None = None,
    seed: int = 0,
    confidence: bool = False,
    **options: object,
) -> Answers:
    """`people` who err on the share `error` of images, harder ones more; networks by error."""
    generator = np.random.default_rng(seed)
    items = tuple(f"image {i}" for i in range(images))
    truth = generator.integers(len(CLASSES), size=images)
    hard = generator.beta(0.5, 1.5, images) * 4 * error  # mean: error

    def answers(share: np.ndarray) -> list[tuple[str, ...]]:
        wrong = generator.random(images) < np.minimum(share, 0.95)
        given = (truth + wrong * generator.integers(1, len(CLASSES), images)) % len(CLASSES)
        return [(CLASSES[k],) for k in given]

    trials = []
    for person in range(people):
        given = answers(hard)
        order = generator.permutation(images)
        trials += [
            Trial(
                f"P{person + 1}",
                items[i],
                place,
                given[i],
                seconds=float(np.exp(generator.normal(0, 0.3))),
                confidence=float(generator.random()) if confidence else None,
            )
            for place, i in enumerate(order)
        ]
    models = {
        name: ModelAnswers(dict(zip(items, answers(hard / error * share), strict=True)), date)
        for (name, share), date in zip((networks or {}).items(), ("2014", "2016-05", "2018-01-31"),
                                       strict=False)
    }  # fmt: skip
    accepted = {item: frozenset({CLASSES[k]}) for item, k in zip(items, truth, strict=True)}
    return Answers(CLASSES, items, accepted, tuple(trials), models, **options)  # type: ignore[arg-type]
