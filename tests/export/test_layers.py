"""The functions of exported programs against glassnet's own pages."""

import numpy as np
import pytest

from glassnet import ops
from glassnet.export import layers


def normal(*shape: int, key: int = 0) -> np.ndarray:
    return np.random.default_rng(key).standard_normal(shape).astype(np.float32)


@pytest.fixture(autouse=True)
def weights():
    yield layers.W
    layers.W.clear()


def close(ours: np.ndarray, theirs) -> None:
    np.testing.assert_allclose(ours, np.asarray(theirs.data), rtol=1e-4, atol=1e-5)


WINDOWS = [
    {"stride": 1, "padding": 0},
    {"stride": 2, "padding": ((0, 1), (0, 1))},
    {"stride": (2, 1), "padding": ((1, 2), (0, 3))},
    {"stride": 1, "padding": 2, "dilation": 2},
]


@pytest.mark.parametrize("options", WINDOWS)
def test_conv(weights, options):
    x, w, b = normal(2, 4, 9, 8), normal(6, 4, 3, 3, key=1), normal(6, key=2)
    weights |= {"c.weight": w.transpose(2, 3, 1, 0), "c.bias": b}
    close(layers.conv(x, "c", **options), ops.conv2d(x, w, b, **options))


@pytest.mark.parametrize("options", WINDOWS)
def test_depthwise(weights, options):
    x, w, b = normal(2, 4, 9, 8), normal(4, 1, 3, 3, key=1), normal(4, key=2)
    weights |= {"c.weight": w.transpose(2, 3, 1, 0)[:, :, 0], "c.bias": b}
    close(layers.depthwise(x, "c", **options), ops.conv2d(x, w, b, groups=4, **options))


@pytest.mark.parametrize("options", WINDOWS)
def test_grouped_conv(weights, options):
    x, w, b = normal(2, 4, 9, 8), normal(6, 2, 3, 3, key=1), normal(6, key=2)
    weights |= {"c.weight": w.transpose(2, 3, 1, 0), "c.bias": b}
    close(layers.grouped_conv(x, "c", 2, **options), ops.conv2d(x, w, b, groups=2, **options))


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), ((3, 2), (1, 2), 1)])
def test_pooling(size, stride, padding):
    x = normal(2, 4, 9, 8)
    close(layers.max_pool(x, size, stride, padding), ops.max_pool2d(x, size, stride, padding))
    close(layers.avg_pool(x, size, stride, padding), ops.avg_pool2d(x, size, stride, padding))


@pytest.mark.parametrize("grid", [1, 2, (3, 2), (7, 8)])
def test_cell_means(grid):
    x = normal(2, 4, 7, 8)
    rows, columns = grid if isinstance(grid, tuple) else (grid, grid)
    close(layers.cell_means(x, rows, columns), ops.adaptive_avg_pool2d(x, grid))


def test_normalisations(weights):
    x, w, b = normal(2, 6, 5, 4), normal(6, key=1), normal(6, key=2)
    weights |= {"n.weight": w, "n.bias": b}
    close(layers.group_norm(x, "n", 3, 1e-5), ops.group_norm(x, 3, w, b))
    close(layers.local_response_norm(x, 5, 0.5, 0.75, 2.0),
          ops.local_response_norm(x, 5, 0.5, 0.75, 2.0))  # fmt: skip
    rows = normal(2, 5, 6)
    close(layers.layer_norm(rows, "n", 1e-5), ops.layer_norm(rows, w, b, eps=1e-5))


def test_attention():
    q, k, v, mask = normal(2, 3, 5, 4), normal(2, 3, 6, 4, key=1), normal(2, 3, 6, 7, key=2), None
    close(layers.attention(q, k, v, 0.5), ops.scaled_dot_product_attention(q, k, v, mask))
    mask = np.where(normal(5, 6) > 1, -np.inf, 0).astype(np.float32)
    close(layers.attention(q, k, v, 0.5, mask), ops.scaled_dot_product_attention(q, k, v, mask))


@pytest.mark.parametrize("name", ["relu", "relu6", "sigmoid", "silu", "softplus", "gelu", "erf"])
def test_one_number_at_a_time(name):
    x = np.linspace(-20, 20, 4001, dtype=np.float32)
    np.testing.assert_allclose(
        getattr(layers, name)(x), getattr(ops, name)(x).data, rtol=1e-5, atol=1e-6
    )


def test_activations_with_a_slope():
    x = normal(50)
    close(layers.leaky_relu(x, 0.1), ops.leaky_relu(x, 0.1))
    close(layers.elu(x, 0.7), ops.elu(x, 0.7))
    close(layers.gelu_tanh(x), ops.gelu(x, approximate="tanh"))
    close(layers.softmax(x.reshape(5, 10), 0), ops.softmax(x.reshape(5, 10), 0))
