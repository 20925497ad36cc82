"""A run answers as it was trained, from memory and from its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import data
from glassnet.errors import DataError, GlassnetWarning, ShapeError
from glassnet.train import Callback, Run, Training
from tests.train.small import fit, images, rows, weights


class Worse(Callback):
    """Forgets everything in an epoch, so that an earlier one is the best."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_step(self, training: Training, loss: float) -> None:
        if training.epoch == self.epoch:
            training.net[6].weight.data[...] = 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(tmp_path_factory.mktemp("run"))


def test_predict(run: Run) -> None:
    test = images(30, 1)
    pixels, labels = test.batch(np.arange(30))
    probabilities = run.predict(pixels, batch_size=7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (30, 3))
    judged = run.evaluate(test)
    np.testing.assert_allclose(judged.probabilities, probabilities, atol=1e-6)
    np.testing.assert_array_equal(judged.labels, labels)
    assert judged.accuracy == run.history[-1]["validation_accuracy"]
    assert run.predict(pixels[:0]).shape == (0, 3)
    with pytest.raises(ShapeError, match="expected images"):
        run.predict(pixels.astype(np.float32)[..., :5])


def test_load(run: Run) -> None:
    assert run.path is not None
    loaded = gn.load(run.path, which="last")
    assert weights(loaded) == weights(run)
    assert loaded.history == run.history
    assert loaded.preprocessing == run.preprocessing
    assert (loaded.classes, loaded.path) == (run.classes, run.path)
    assert (loaded.stopped, loaded.finished, loaded.validation) == ("finished", True, None)
    assert loaded.config == run.config
    assert run.validation is not None
    assert repr(loaded.evaluate(run.validation)) == repr(run.evaluate(run.validation))


def test_the_best_is_loaded_with_the_whole_history(tmp_path: Path) -> None:
    run = fit(tmp_path, ema=None, callbacks=[Worse(4)])
    assert run.best is not None
    assert run.best["epoch"] < 4
    assert run.epoch == 4
    assert weights(gn.load(tmp_path)) == weights(run)
    best = gn.load(tmp_path, which="best")
    assert weights(gn.load(tmp_path / "best.safetensors")) == weights(best) != weights(run)
    assert best.epoch == run.best["epoch"]
    assert rows(best) == rows(run)
    assert best.evaluate(images(30, 1)).accuracy == run.best["validation_accuracy"]


def test_files_are_read_as_in_training(run: Run, tmp_path: Path) -> None:
    pixels, _ = images(70, 1).batch(np.arange(70))
    files = [tmp_path / f"{i}.png" for i in range(70)]
    for file, image in zip(files, pixels, strict=True):
        data.images.from_array(image).save(file)
    np.testing.assert_allclose(run.predict_files(files), run.predict(pixels), atol=1e-6)
    assert run.predict_files([]).shape == (0, 3)
    with pytest.raises(DataError, match=r"none\.png"):
        run.predict_files([tmp_path / "none.png"])


def test_files_of_several_sizes(tmp_path: Path) -> None:
    gn.manual_seed(0)
    net = gn.nn.Sequential(gn.nn.Conv2d(1, 3, 3), gn.nn.GlobalAvgPool2d(), gn.nn.Flatten())
    free = replace(data.Preprocessing.fit(images(9)), size=None)
    run = gn.fit(net, images(30), epochs=1, preprocess=free, progress=False)
    files = [tmp_path / f"{side}.png" for side in (8, 12)]
    for file, side in zip(files, (8, 12), strict=True):
        data.images.from_array(np.full((1, side, side), side, np.uint8)).save(file)
    together = run.predict_files(files)
    np.testing.assert_allclose(together[1:], run.predict_files(files[1:]), atol=1e-6)


def test_another_preprocessing_is_told(run: Run) -> None:
    other = replace(run.preprocessing, mean=(0.5,))
    pixels, _ = images(3).batch(np.arange(3))
    with pytest.warns(GlassnetWarning, match=r"trained on.*now shown.*leave preprocessing= away"):
        changed = run.predict(pixels, preprocessing=other)
    assert not np.allclose(changed, run.predict(pixels))
    with pytest.warns(GlassnetWarning, match="now shown"):
        run.evaluate(images(9), preprocessing=other)
    run.predict(pixels, preprocessing=run.preprocessing)


def test_data_that_were_read_otherwise_are_told(run: Run) -> None:
    large = data.arrays(np.zeros((3, 1, 16, 16), np.uint8), [0, 1, 2], run.classes, "large")
    with pytest.warns(GlassnetWarning, match="'large' was read as 16 x 16 grey.*8 x 8 grey"):
        run.evaluate(large)
    with pytest.raises(DataError, match="'squares' is empty"):
        run.evaluate(images(9).subset([]))


def test_repr(run: Run) -> None:
    assert repr(run).startswith("<run on squares in ")
    assert "4 epochs, finished, best validation accuracy" in repr(run)
    alone = gn.fit(run.net, images(9), epochs=1, progress=False)
    assert repr(alone) == "<run on squares: 1 epochs, finished>"
