"""Exported programs as files: run by themselves, without glassnet."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import glassnet as gn
from glassnet import data, models
from glassnet.errors import GlassnetError
from glassnet.export import FORMATS, export
from glassnet.export import python as writer
from glassnet.train import Run


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 30), key: int = 0) -> Path:
    rng = np.random.default_rng(key)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 4), dtype=np.uint8), "RGBA")
    image = coarse.resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        image.convert(mode).save(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network that was trained for a moment, on colour images of 20 x 16 pixels."""
    gn.manual_seed(0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 3, 20, 16), dtype=np.uint8)
    train = data.arrays(images, np.arange(32) % 2, ['grün "x"', "it's red"])
    net = models.build("convnetjs", size=(20, 16), classes=2)
    preprocess = data.Preprocessing((20, 16), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), crop=0.8,
                                    interpolation="bicubic")  # fmt: skip
    return gn.fit(net, train, preprocess=preprocess, epochs=1, progress=False,
                  out=tmp_path_factory.mktemp("runs") / "small")  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every kind of file that people have."""
    folder = tmp_path_factory.mktemp("pictures")
    kinds = [("a.jpg", "RGB"), ("b.png", "RGBA"), ("c.png", "L"), ("d.png", "P"), ("e.jpg", "CMYK"),
             ("f.png", "I;16"), ("g.gif", "P")]  # fmt: skip
    files = [picture(folder / name, mode, key=i) for i, (name, mode) in enumerate(kinds)]
    turned = Image.open(files[0])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    large = picture(folder / "large.jpg", size=(900, 700))
    return [*files, folder / "turned.jpg", large]


@pytest.fixture(scope="module")
def exported(run: Run, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "small.py"
    done = export(run, "python", out, pictures)
    assert done.files == [out, out.with_suffix(".npz")]
    assert done.difference < 1e-5
    return out


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A Python that finds NumPy and Pillow and nothing else that is installed."""
    site, only = Path(sysconfig.get_path("purelib")), tmp_path_factory.mktemp("only")
    for name in ("numpy", "numpy.libs", "PIL", "pillow.libs"):
        if (site / name).exists():
            (only / name).symlink_to(site / name)
    start = f"import sys, runpy; sys.path.insert(0, {str(only)!r}); sys.argv = sys.argv[1:]; "
    return [sys.executable, "-I", "-S", "-c", start + "runpy.run_path(sys.argv[0], "
            "run_name='__main__')"]  # fmt: skip


def test_it_says_what_the_run_says(run, exported, pictures, alone):
    words = [*alone, str(exported), *map(str, pictures)]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=True)
    lines = done.stdout.splitlines()
    shares = run.predict_files(pictures)
    for line, path, row in zip(lines, pictures, shares, strict=True):
        best = run.classes[row.argmax()]
        assert line.startswith(f"{path}: {best} {row.max():.1%}")


def test_glassnet_is_out_of_reach_there(alone, tmp_path):
    (tmp_path / "try.py").write_text("import glassnet")
    done = subprocess.run([*alone, str(tmp_path / "try.py")], capture_output=True, text=True)
    assert "No module named 'glassnet'" in done.stderr


def test_without_an_image_it_says_what_it_wants(exported, alone):
    done = subprocess.run([*alone, str(exported)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "python small.py IMAGE" in done.stderr


def test_it_reads_like_the_house(exported):
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    config = Path(__file__).parents[2] / "pyproject.toml"
    ignored = "T201,INP001,PLR0915"  # it prints, lies in no package, and is as long as its network
    for words in (["check", "--ignore", ignored], ["format", "--check"]):
        done = subprocess.run([ruff, *words, "--config", config, exported], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()


def test_a_program_that_computes_something_else_is_refused(run, pictures, tmp_path, monkeypatch):
    right = writer.write

    def wrong(run, stem):
        text, weights = right(run, stem)
        return text, weights | {"0.bias": weights["0.bias"] + 1}

    monkeypatch.setattr(writer, "write", wrong)
    with pytest.raises(GlassnetError, match="does not compute what the network computes"):
        export(run, "python", tmp_path / "small.py", pictures)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_fails_is_refused(run, pictures, tmp_path, monkeypatch):
    right = writer.write
    monkeypatch.setattr(
        writer, "write", lambda run, stem: (right(run, stem)[0].replace("relu(", "relo("), {})
    )
    with pytest.raises(GlassnetError, match=r"does not run: .*; nothing was written"):
        export(run, "python", tmp_path / "small.py", pictures)


def test_without_images_it_is_compared_on_noise(run, tmp_path):
    done = export(run, "python", tmp_path / "small")
    assert done.files[0] == tmp_path / "small.py" and done.files[0].exists()


def test_a_name_that_is_none(run, tmp_path):
    with pytest.raises(GlassnetError, match="cannot be the name of a Python file"):
        export(run, "python", tmp_path / "two words.py")


def test_a_format_that_is_none(run, tmp_path):
    with pytest.raises(GlassnetError, match="no format 'coreml'; there are python, onnx"):
        export(run, "coreml", tmp_path / "x")


def test_images_without_a_size(run, tmp_path):
    other = Run(run.net, run.classes, data.Preprocessing(), run.config, [], None, "finished", 1)
    for kind in ("python", "onnx"):
        with pytest.raises(GlassnetError, match="one size"):
            export(other, kind, tmp_path / "x")


def test_safetensors(run, tmp_path):
    done = export(run, "safetensors", tmp_path / "small")
    arrays, metadata = gn.io.load(done.files[0])
    net = gn.nn.build(metadata["architecture"])
    net.load_state_dict(arrays)
    assert metadata["classes"] == run.classes
    x = gn.Tensor(run.preprocessing(np.zeros((1, 3, 20, 16), np.uint8)))
    np.testing.assert_array_equal(net.eval()(x).data, run.net.eval()(x).data)
    assert list(tmp_path.iterdir()) == [tmp_path / "small.safetensors"]


def test_onnx(run, tmp_path):
    pytest.importorskip("onnx")
    done = export(run, "onnx", tmp_path / "small")
    assert done.files == [tmp_path / "small.onnx"] and done.files[0].stat().st_size > 1000


def test_every_format_has_its_ending():
    assert FORMATS == {"python": ".py", "onnx": ".onnx", "safetensors": ".safetensors"}


def test_grey_images(tmp_path):
    gn.manual_seed(0)
    net = models.build("digits", classes=3)
    preprocess = data.Preprocessing((28, 28), 1, (0.1,), (0.3,), crop=None)
    grey = Run(net, ["a", "b", "c"], preprocess, {"loss": "cross_entropy", "model": "digits"}, [],
               None, "finished", 1)  # fmt: skip
    files = [picture(tmp_path / f"{mode}.png", mode) for mode in ("L", "RGB", "RGBA")]
    assert export(grey, "python", tmp_path / "grey.py", files).difference < 1e-5
    assert '"""All of the image' in (tmp_path / "grey.py").read_text()


def test_attributes_have_shares_of_their_own(run, tmp_path):
    config = run.config | {"task": "attributes"}
    other = Run(run.net, run.classes, run.preprocessing, config, [], None, "finished", 1)
    export(other, "python", tmp_path / "many.py")
    assert "sigmoid(network(read(path)))" in (tmp_path / "many.py").read_text()
