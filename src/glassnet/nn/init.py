"""Initial values of parameters. Each function fills its tensor in place and returns it.

Weights are (out, in, *kernel), as in linear and convolution layers, and with the receptive field
R = prod(kernel):  fan_in = in * R,  fan_out = out * R.  `generator` defaults to the current one
(`glassnet.manual_seed`). Numbers are drawn in float64 and in logical order, so that a seed gives
the same values whatever the tensor's dtype and memory layout.
"""

from __future__ import annotations

import math

import numpy as np

from glassnet import random
from glassnet.errors import GlassnetError, ShapeError
from glassnet.tape import Array, no_grad
from glassnet.tensor import Tensor

Generator = np.random.Generator


def _fill(tensor: Tensor, values: Array) -> Tensor:
    with no_grad():
        return tensor.write(Tensor(np.broadcast_to(values, tensor.shape)))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Fill with one number."""
    return _fill(tensor, np.asarray(value, dtype=tensor.dtype))


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill from the uniform distribution over [a, b); its variance is (b - a)^2 / 12."""
    return _fill(tensor, (generator or random.generator()).uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill from the normal distribution."""
    return _fill(tensor, (generator or random.generator()).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill from the normal distribution, numbers outside [a, b] drawn again.

    a and b are absolute, not in units of `std`. Raises GlassnetError where [a, b] is so far out
    that almost every number would have to be drawn again.
    """
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    if not inside > 1e-3:
        raise GlassnetError(
            f"trunc_normal_: [{a}, {b}] holds {inside:.2g} of the normal distribution with mean "
            f"{mean} and std {std}; choose an interval near the mean"
        )
    draw = generator or random.generator()
    values = draw.normal(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = draw.normal(mean, std, int(outside.sum()))
    return _fill(tensor, values)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which the standard deviation makes up for what the nonlinearity takes.

    linear, conv, sigmoid 1; tanh 5/3; relu sqrt(2); leaky_relu sqrt(2 / (1 + slope^2)) with the
    slope `param` (0.01); selu 3/4 [the table of torch.nn.init; He et al. 2015, eq. 15].
    """
    slope = 0.01 if param is None else param
    gains = {
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + slope**2)),
        "tanh": 5.0 / 3.0,
        "selu": 0.75,
        "sigmoid": 1.0,
        "linear": 1.0,
    }
    name = "linear" if nonlinearity.startswith("conv") else nonlinearity
    if name not in gains:
        raise GlassnetError(f"no gain is known for '{nonlinearity}'; known are {', '.join(gains)}")
    return gains[name]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *kernel). Raises ShapeError below two axes."""
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan-in and fan-out need a weight of shape (out, in, *kernel), not {tensor.shape}; "
            f"for a bias use zeros_, uniform_ or normal_"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise GlassnetError(f"mode is 'fan_in' or 'fan_out', not '{mode}'")
    return max(1, fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """U(-bound, bound), bound = gain sqrt(3 / fan): variance gain^2 / fan.

    It keeps the variance of activations (fan_in) or of gradients (fan_out) through layers with
    leaky ReLU of slope `a` [He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", eq. 10, 15].
    """
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """N(0, gain^2 / fan) [He et al. 2015, eq. 10, 15]; see `kaiming_uniform_`."""
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """U(-bound, bound), bound = gain sqrt(6 / (fan_in + fan_out)).

    A compromise between keeping the variance forward and backward [Glorot & Bengio 2010,
    "Understanding the difficulty of training deep feedforward neural networks", eq. 16].
    """
    bound = gain * math.sqrt(6.0 / max(1, sum(fans(tensor))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """N(0, 2 gain^2 / (fan_in + fan_out)) [Glorot & Bengio 2010, eq. 12]."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(1, sum(fans(tensor)))), generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """N(0, 1 / fan_in) [LeCun, Bottou, Orr, Müller 1998, "Efficient backprop", section 4.6]."""
    return normal_(tensor, 0.0, 1.0 / math.sqrt(_fan(tensor, "fan_in")), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """U(-bound, bound), bound = sqrt(3 / fan_in): variance 1 / fan_in [LeCun et al. 1998, 4.6]."""
    bound = math.sqrt(3.0 / _fan(tensor, "fan_in"))
    return uniform_(tensor, -bound, bound, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Rows (out, in * R) that are orthonormal, or columns where there are more rows; times gain.

    Q of the QR decomposition of a normal matrix, its signs made those of R's diagonal so that Q
    is uniform over the orthogonal matrices [Saxe, McClelland, Ganguli 2014, "Exact solutions to
    the nonlinear dynamics of learning"; Mezzadri 2007, section 5].
    """
    rows, columns = tensor.shape[0], fans(tensor)[0]
    normal = (generator or random.generator()).standard_normal((rows, columns))
    q, r = np.linalg.qr(normal.T if rows < columns else normal)
    q = q * np.sign(np.diag(r))
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


def dirac_(tensor: Tensor) -> Tensor:
    """Filters (O, C, *K) that hand their input on: filter o is 1 at the centre of channel o.

    All else, and filters beyond the C-th, is 0 [Zagoruyko & Komodakis 2017, "DiracNets"]. Raises
    ShapeError for a tensor of less than three axes.
    """
    if tensor.ndim < 3:
        raise ShapeError(f"dirac_ fills filters (O, C, *K), got shape {tensor.shape}")
    values = np.zeros(tensor.shape)
    centre = tuple(k // 2 for k in tensor.shape[2:])
    for channel in range(min(tensor.shape[:2])):
        values[(channel, channel, *centre)] = 1
    return _fill(tensor, values)


def default_(weight: Tensor, bias: Tensor | None = None) -> None:
    """What linear and convolution layers start from, as in PyTorch.

    weight: kaiming_uniform_ with a = sqrt(5), which is U(-b, b), b = 1 / sqrt(fan_in); bias: the
    same distribution.
    """
    kaiming_uniform_(weight, a=math.sqrt(5.0))
    if bias is not None:
        bound = 1.0 / math.sqrt(_fan(weight, "fan_in"))
        uniform_(bias, -bound, bound)
