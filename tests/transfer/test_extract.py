import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

import glassnet as gn
from glassnet import models
from glassnet.errors import GlassnetError
from glassnet.nn import evaluating
from glassnet.transfer import Layer, candidates, extract
from glassnet.transfer import source as find_source
from glassnet.transfer.extract import BATCH
from glassnet.transfer.reading import beside
from glassnet.transfer.store import Store, default_path, key


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache.sqlite"


def names(photos):
    return sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))


LAYERS = [Layer(), Layer("blocks.0", 2)]


def test_they_are_what_the_network_says(source, photos, cache):
    found = extract(source, photos, names(photos), LAYERS, cache)
    pixels = np.stack([source.preprocessing.read(photos / file) for file in found.files])
    with evaluating(source.net):
        x = gn.Tensor(source.preprocessing(pixels))
        for layer in LAYERS:
            expected = models.features(source.net, layer.name, layer.grid)(x).data
            np.testing.assert_allclose(found.values[layer], expected, atol=1e-5)
    assert found.values[LAYERS[1]].shape == (24, 32)
    assert found.computed == 24


def test_a_second_time_nothing_is_computed(source, photos, cache, monkeypatch):
    first = extract(source, photos, names(photos), LAYERS, cache)
    monkeypatch.setattr(type(source.net), "forward", None)  # it would fail
    again = extract(source, photos, names(photos)[::-1], LAYERS, cache)
    assert again.computed == 0
    np.testing.assert_array_equal(again.values[LAYERS[0]][::-1], first.values[LAYERS[0]])


def test_content_counts_and_not_the_name(source, photos, cache):
    extract(source, photos, names(photos), LAYERS, cache)
    (photos / "red" / "00.png").rename(photos / "red" / "zz.png")
    assert extract(source, photos, names(photos), LAYERS, cache).computed == 0
    (photos / "red" / "01.png").write_bytes((photos / "sky" / "05.png").read_bytes())
    (photos / "red" / "02.png").write_bytes((photos / "red" / "02.png").read_bytes() + b"\0")
    assert extract(source, photos, names(photos), LAYERS, cache).computed == 1


def test_the_key_changes_with_weights_preprocessing_and_layers(source):
    before = key(source.net, source.preprocessing)
    assert before == key(source.net, source.preprocessing)
    assert before != key(source.net, replace(source.preprocessing, crop=0.9))
    source.net.fc.bias.data[0] += 1
    assert before != key(source.net, source.preprocessing)
    assert before in str(default_path(before))


def test_another_layer_is_computed_for_itself(source, photos, cache):
    extract(source, photos, names(photos), LAYERS[:1], cache)
    assert extract(source, photos, names(photos), LAYERS, cache).computed == 24
    assert extract(source, photos, names(photos), LAYERS[1:], cache).computed == 0


def test_broken_files_are_told_and_the_others_computed(source, photos, cache):
    (photos / "red" / "bad.png").write_bytes(b"\x89PNG and no more")
    files = [*names(photos), "red/gone.png"]
    found = extract(source, photos, files, LAYERS, cache)
    assert len(found.files) == 24 and set(found.unreadable) == {"red/bad.png", "red/gone.png"}
    assert "bad.png: not an image" in found.unreadable["red/bad.png"]
    assert list(found.rows(["red/01.png", "red/00.png"])) == [1, 0]


def test_progress_counts_every_file(source, photos, cache):
    steps = []
    extract(source, photos, names(photos), LAYERS, cache, steps.append)
    assert sum(steps) == 24


def test_after_a_kill_it_goes_on(photos, paint, tmp_path):
    """Killed while it computes its third batch, it has kept the first two."""
    for i in range(3 * BATCH):
        paint(photos / "many" / f"{i:03}.png", "many", i)
    cache = tmp_path / "cache.sqlite"
    code = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        import glassnet as gn
        from glassnet import models
        from glassnet.data import Preprocessing
        from glassnet.transfer import Layer, Source, extract
        gn.manual_seed(0)
        net, seen = models.build("digits", in_channels=3, size=16).eval(), []
        kill = sys.argv[1] == "kill"
        def count(module, args):
            seen.append(len(args[0]))
            if kill and len(seen) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        net.register_forward_pre_hook(count)
        root = Path({str(photos / "many")!r})
        files = sorted(p.name for p in root.iterdir())
        tiny = Source("tiny", net, Preprocessing((16, 16), 3))
        print(extract(tiny, root, files, [Layer()], Path({str(cache)!r})).computed)
    """)
    run = lambda what: subprocess.run(  # noqa: E731
        [sys.executable, "-c", code, what], capture_output=True, text=True, env=os.environ
    )
    assert run("kill").returncode == -signal.SIGKILL
    done = run("go")
    assert done.stdout.strip() == str(BATCH), done.stderr


def test_a_layer_by_name():
    assert Layer.parse("head") == Layer() and str(Layer()) == "head"
    assert Layer.parse("blocks.5/2") == Layer("blocks.5", 2)
    assert str(Layer("stage4", 2)) == "stage4/2"
    with pytest.raises(GlassnetError, match="after / goes the side of a raster"):
        Layer.parse("blocks.5/x")


def test_candidates(source):
    assert candidates(source.net) == [Layer(), Layer("blocks.0", 2)]
    assert candidates(models.build("digits")) == [Layer()]


def test_a_layer_that_is_none(source, photos, cache):
    with pytest.raises(GlassnetError, match=r"no layer 'blocks\.9'"):
        extract(source, photos, names(photos), [Layer("blocks.9")], cache)


def test_a_model_without_weights():
    with pytest.raises(GlassnetError, match="no pretrained weights for 'lenet5'; there are for"):
        find_source("lenet5")


def test_two_stores_on_one_file(tmp_path):
    path = tmp_path / "a.sqlite"
    with Store(path) as one, Store(path) as two:
        one.put("l", [b"1", b"2"], np.float32([[1, 2], [3, 4]]))
        two.put("l", [b"2", b"3"], np.float32([[9, 9], [5, 6]]))
        assert one.known(["l"]) == {b"1", b"2", b"3"} and one.known(["l", "m"]) == set()
        np.testing.assert_array_equal(one.get("l", [b"3", b"2", b"2"]), [[5, 6], [3, 4], [3, 4]])


def test_beside_keeps_the_order_and_its_distance():
    started = []

    def work(item):
        started.append(item)
        return item * item

    numbers = beside(work, range(50), workers=3, ahead=5)
    assert [next(numbers) for _ in range(3)] == [0, 1, 4]
    assert max(started) <= 8
    assert list(numbers) == [i * i for i in range(3, 50)]


def test_beside_hands_errors_over():
    with pytest.raises(ZeroDivisionError):
        list(beside(lambda i: 1 // i, [1, 0]))
