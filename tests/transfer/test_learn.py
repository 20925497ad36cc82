import numpy as np
import pytest

import glassnet as gn
from glassnet import transfer
from glassnet.errors import CheckpointError, DataError
from glassnet.nn import evaluating
from glassnet.train import resume
from glassnet.transfer import Layer


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache.sqlite"


@pytest.fixture
def learned(source, photos, cache):
    return transfer.learn(source, transfer.classes(photos, 0.25), cache=cache)


def test_colours_are_told_apart(learned):
    judged = learned.evaluate()
    assert judged.accuracy == 1.0 and len(judged) == 6
    assert learned.average_precisions == [1.0, 1.0]
    assert [str(one.layer) for one in learned.tried] == ["head", "blocks.0/2"]
    assert learned.chosen.loss == min(one.loss for one in learned.tried)


@pytest.mark.parametrize("layer", [Layer(), Layer("blocks.0", 2)])
def test_the_network_answers_as_the_probe(source, photos, cache, layer):
    learned = transfer.learn(source, transfer.classes(photos, 0.25), [layer], cache=cache)
    pixels = np.stack([source.preprocessing.read(photos / f) for f in learned.examples.names])
    net = learned.network()
    with evaluating(net):
        logits = net(gn.Tensor(source.preprocessing(pixels))).data
    np.testing.assert_allclose(logits, learned.probe(learned.features), rtol=1e-4, atol=1e-4)


def test_a_run_is_read_back(learned, photos, tmp_path):
    saved = transfer.save_probe(learned, tmp_path / "run", 1.0, {"command": "glassnet transfer x"})
    run = gn.load(tmp_path / "run")
    files = [photos / name for name in learned.examples.names]
    np.testing.assert_array_equal(run.predict_files(files), saved.predict_files(files))
    assert run.finished and run.classes == ["red", "sky"]
    assert run.config["probe"]["layer"] == str(learned.chosen.layer)
    assert run.config["dataset"]["train_size"] == 18
    page = gn.report(run, transfer.images(learned, held_out=True), evaluation=learned.evaluate())
    assert "a linear probe" in page.read_text()
    with pytest.raises(CheckpointError, match=r"is a probe: .* nothing to go on with"):
        resume(tmp_path / "run", *2 * [transfer.images(learned, held_out=True)])


def test_broken_files_are_left_out(source, photos, cache):
    (photos / "red" / "bad.png").write_bytes(b"nothing")
    learned = transfer.learn(source, transfer.classes(photos, 0.25), cache=cache)
    assert list(learned.unreadable) == ["red/bad.png"] and len(learned.examples) == 24


def test_nothing_that_can_be_read(source, tmp_path, cache):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 2 images can be read: .*1\.png"):
        transfer.learn(source, transfer.classes(tmp_path, 0.0), cache=cache)


def test_pictures_on_both_sides_are_found(source, tmp_path, cache, paint):
    for part, keys in (("train", range(6)), ("val", range(10, 13))):
        for name in ("red", "sky"):
            for i in keys:
                paint(tmp_path / part / name / f"{i}.png", name, i)
    copy = (tmp_path / "train" / "red" / "2.png").read_bytes()
    (tmp_path / "val" / "red" / "copy.png").write_bytes(copy)
    learned = transfer.learn(source, transfer.classes(tmp_path), cache=cache)
    assert learned.twice == [("train/red/2.png", "val/red/copy.png", True)]


def test_a_clip_is_the_mean_of_its_frames(source, tmp_path, cache, paint):
    for name in ("run", "sit"):
        for clip in range(4):
            for frame in range(2 + clip):
                paint(tmp_path / name / f"c{clip}" / f"{frame}.png", name, 10 * clip + frame)
    learned = transfer.learn(source, transfer.clips(tmp_path, 0.25), [Layer()], cache=cache)
    assert learned.evaluate().accuracy == 1.0
    frames = learned.examples.frames[2]
    alone = transfer.extract(source, tmp_path, frames, [Layer()], cache).values[Layer()]
    np.testing.assert_allclose(learned.features[2], alone.mean(0), atol=1e-5)


def test_attributes(source, photos, cache):
    names = sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))
    rows = [f"{name},{int(name < 's')},{i % 2}" for i, name in enumerate(names)]
    (photos / "t.csv").write_text("\n".join(["file,red,odd", *rows]))
    examples = transfer.attributes(photos, photos / "t.csv", 0.25)
    learned = transfer.learn(source, examples, cache=cache)
    red, odd = learned.attributes()
    assert red.correct == red.known == examples.held_out.sum() and red.average_precision == 1.0
    assert odd.yes + 0 < odd.known
    run = transfer.save_probe(learned, photos.parent / "run", 1.0)
    shares = run.predict_files([photos / name for name in learned.examples.names])
    np.testing.assert_array_equal(shares[:, 0] > 0.5, [name < "s" for name in names])
    assert not np.allclose(shares.sum(1), 1)
    with pytest.raises(DataError, match="attributes have none"):
        list(transfer.learning_curve(learned))


def test_the_learning_curve(learned):
    points = list(transfer.learning_curve(learned, draws=3))
    assert [p.each for p in points] == [1, 2, 5, 9]
    assert [len(p.accuracies) for p in points] == [3, 3, 3, 1]
    assert points[-1].mean == learned.evaluate().accuracy
    again = list(transfer.learning_curve(learned, draws=3))
    assert points == again and points[0].spread[0] <= points[0].mean <= points[0].spread[1]


def test_nothing_held_out(source, photos, cache):
    learned = transfer.learn(source, transfer.classes(photos, 0.0), cache=cache)
    assert learned.evaluate(held_out=False).accuracy == 1.0
    with pytest.raises(DataError, match="no example is held out"):
        learned.evaluate()
