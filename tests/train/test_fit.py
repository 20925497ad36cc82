"""fit: what it learns, what it repeats, what it leaves behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import data, nn, optim
from glassnet.errors import DataError, TrainingError
from glassnet.train import Callback, EarlyStopping, Run, Training
from tests.train.small import fit, images, network, rows, weights


class Recorder(Callback):
    """Writes down what it is told; stops after `last` epochs."""

    def __init__(self, last: int = 99) -> None:
        self.last, self.seen, self.losses = last, [], []

    def on_fit_start(self, training: Training) -> None:
        self.seen.append("start")

    def on_step(self, training: Training, loss: float) -> None:
        self.losses.append(loss)

    def on_epoch_end(self, training: Training, row: dict[str, Any]) -> None:
        self.seen.append(row["epoch"])
        row["mine"] = training.step
        if row["epoch"] == self.last:
            training.stop("enough")

    def on_fit_end(self, training: Training, run: Run) -> None:
        self.seen.append(run.stopped)


def test_it_learns(tmp_path: Path) -> None:
    run = fit(tmp_path, epochs=6)
    assert run.history[-1]["validation_accuracy"] >= 0.9
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    assert [row["step"] for row in run.history] == [6, 12, 18, 24, 30, 36]
    assert {p.name for p in tmp_path.iterdir()} == {
        "last.safetensors", "best.safetensors", "history.jsonl",
    }  # fmt: skip
    assert run.best == max(run.history, key=lambda r: r["validation_accuracy"])


def test_a_seed_decides_everything() -> None:
    first, second = fit(), fit()
    assert weights(first) == weights(second)
    assert rows(first) == rows(second)
    assert weights(fit(seed=1)) != weights(first)
    assert weights(fit(net=network(1))) != weights(first)


def test_it_is_the_raw_loop() -> None:
    train = images(90)
    prepared = data.Preprocessing.fit(train)
    net = network(dropout=0.0)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = data.Loader(train, 16, shuffle=True, seed=5, preprocess=prepared)
    for _ in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()

    other = network(dropout=0.0)
    run = gn.fit(
        other, train, optimizer=optim.SGD(other.parameters(), lr=0.1, momentum=0.9),
        epochs=2, batch_size=16, seed=5, progress=False,
    )  # fmt: skip
    assert weights(run) == {name: a.tobytes() for name, a in net.state_dict().items()}
    assert run.best is None
    assert "validation_loss" not in run.history[0]


def test_modes_and_randomness_are_left_as_they_were() -> None:
    net = network()
    net.eval()
    net[5].train()
    gn.manual_seed(7)
    expected = gn.randn(3).tolist()
    gn.manual_seed(7)
    fit(net=net, epochs=1)
    assert [m.training for m in net.modules()] == [i == 6 for i in range(8)]
    assert gn.randn(3).tolist() == expected


def test_length_by_time_and_steps() -> None:
    run = fit(schedule=None, epochs=None, time_limit=1e-9)
    assert (run.stopped, run.history[-1]["step"]) == ("time limit", 1)
    run = fit(epochs=3, steps=8)
    assert (run.stopped, [row["step"] for row in run.history]) == ("finished", [6, 8])
    with pytest.raises(TrainingError, match="say how long"):
        fit(epochs=None)
    with pytest.raises(TrainingError, match="must be positive"):
        fit(epochs=0)
    with pytest.raises(TrainingError, match="a time limit alone does not say"):
        fit(epochs=None, time_limit=1)


def test_callbacks() -> None:
    recorder = Recorder(last=2)
    run = fit(callbacks=[recorder])
    assert recorder.seen == ["start", 1, 2, "enough"]
    assert len(recorder.losses) == 12
    assert [row["mine"] for row in run.history] == [6, 12]
    assert (run.stopped, run.finished) == ("enough", True)


@pytest.mark.parametrize("folder", [True, False])
def test_early_stopping_gives_the_best_weights_back(tmp_path: Path, folder: bool) -> None:
    out = tmp_path if folder else None
    net = network()
    lr = optim.AdamW(net.parameters(), lr=1e-2)
    stop = EarlyStopping(2, monitor="validation_loss", gain=10.0)
    run = fit(out, net, optimizer=lr, schedule=None, ema=None, early_stopping=stop)
    assert (run.stopped, len(run.history)) == ("early stopping", 3)
    assert run.best is not None
    assert run.epoch == run.best["epoch"]
    judged = run.evaluate(images(30, 1))
    assert judged.loss == pytest.approx(run.best["validation_loss"], rel=1e-6)
    if out is not None:
        assert weights(gn.load(out)) == weights(run)
        options = {"schedule": None, "ema": None, "early_stopping": stop, "resume": True}
        again = fit(out, network(), **options)
        assert (again.stopped, weights(again)) == ("early stopping", weights(run))


def test_early_stopping_mistakes() -> None:
    with pytest.raises(TrainingError, match="needs validation data"):
        gn.fit(network(), images(9), epochs=1, early_stopping=2)
    with pytest.raises(TrainingError, match="patience >= 1"):
        EarlyStopping(0)
    with pytest.raises(TrainingError, match="'top5', which the history does not have"):
        fit(early_stopping=EarlyStopping(1, "top5"))


def test_the_average_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    run = fit(tmp_path, ema=0.9)
    judged = run.evaluate(images(30, 1))
    assert judged.loss == pytest.approx(run.history[-1]["validation_loss"], rel=1e-6)
    assert weights(gn.load(tmp_path, which="last")) == weights(run)
    assert weights(fit(ema=None)) != weights(run)


def test_metrics_of_ones_own() -> None:
    def surest(logits: np.ndarray, labels: np.ndarray) -> float:
        assert logits.shape == (30, 3)
        assert labels.shape == (30,)
        return float(logits.max())

    run = fit(metrics={"surest": surest}, epochs=1)
    assert run.history[0]["validation_surest"] > 0
    judged = run.evaluate(images(30, 1))
    assert judged.metrics == {"surest": pytest.approx(run.history[0]["validation_surest"])}


def test_plateau_is_stepped_after_an_epoch() -> None:
    net = network()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    plateau = optim.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=0, threshold=9.0)
    run = fit(net=net, optimizer=optimizer, schedule=plateau)
    assert [row["lr"] for row in run.history] == [0.1, 0.1, 0.05, 0.025]


def test_losses_and_mixed_labels() -> None:
    run = fit(loss="multi_margin_loss", epochs=3)
    assert run.config["loss"] == "multi_margin_loss"
    assert fit(augment=[data.Shift(1), data.Mixup(0.4)]).history[-1]["train_accuracy"] > 0.5
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    assert fit(loss=smooth, epochs=1).history[0]["train_loss"] > 0
    with pytest.raises(TrainingError, match="there is no loss 'entropy'; expected cross_entropy"):
        fit(loss="entropy")
    with pytest.raises(TrainingError, match=r"one number.*\(16,\)"):
        fit(loss=lambda z, y: nn.functional.cross_entropy(z, y, reduction="none"))


def test_features_and_a_default_optimizer() -> None:
    values = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    train = data.arrays(values, (values[:, 0] > 0).astype(int))
    gn.manual_seed(0)
    net = gn.models.build("mlp", in_channels=5, classes=2, size=None, hidden=(8,))
    run = gn.fit(net, train, train, epochs=20, batch_size=8, progress=False)
    assert run.config["optimizer"]["name"] == "AdamW"
    assert run.history[-1]["validation_loss"] < 0.9 * run.history[0]["validation_loss"]
    assert run.predict(values).shape == (40, 2)


def test_a_network_that_no_file_can_hold(tmp_path: Path) -> None:
    class Scale(nn.Module):
        def __init__(self, factor: np.ndarray) -> None:
            self.factor = factor

        def forward(self, x: gn.Tensor) -> gn.Tensor:
            return x * self.factor

    net = nn.Sequential(nn.Flatten(), Scale(np.ones(64, np.float32)), nn.Linear(64, 3))
    assert fit(net=net, epochs=1).config["architecture"] == {}
    with pytest.raises(gn.CheckpointError, match="argument 'factor' of layer '1'"):
        fit(tmp_path, net, epochs=1)
    assert not list(tmp_path.iterdir())


def test_settings_that_mean_nothing() -> None:
    with pytest.raises(TrainingError, match="seed must be >= 0"):
        fit(seed=-1)
    with pytest.raises(DataError, match="no samples"):
        gn.fit(network(), images(9).subset([]), epochs=1)
    other = data.arrays(np.zeros((3, 1, 8, 8), np.uint8), [0, 1, 2], ["a", "b", "c"])
    with pytest.raises(DataError, match=r"'left', 'middle', 'right'.*'a', 'b', 'c'"):
        gn.fit(network(), images(9), other, epochs=1)


def test_the_config_tells_how_it_was_made() -> None:
    config = fit(epochs=1, about={"model": "small", "command": "make it"}).config
    assert (config["model"], config["command"]) == ("small", "make it")
    assert config["dataset"] == {"name": "squares", "train_size": 90, "validation_size": 30}
    assert config["optimizer"]["lr"] == 1e-2
    assert config["schedule"] == "one-cycle"
    assert config["augment"] == data.Shift(1).to_dict()
    assert config["parameters"] == network().num_parameters()
    assert config["threads"] >= 1
    assert set(config["versions"]) == {"glassnet", "numpy", "python"}


def test_in_a_pipe_there_is_one_plain_line_an_epoch(capfd: pytest.CaptureFixture[str]) -> None:
    fit(epochs=2, progress=None)
    out, err = capfd.readouterr()
    assert err == ""
    first, second = out.splitlines()
    assert first.startswith("epoch 1/2   train loss ")
    assert "train loss" in first
    assert "validation loss" in second
    assert out.replace("\n", "").isprintable()  # no control characters
    fit(epochs=1, progress=False)
    assert capfd.readouterr() == ("", "")
