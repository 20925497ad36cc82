"""Nonlinearities, entry by entry unless said otherwise: x of any shape -> y of the same."""

from __future__ import annotations

from glassnet import ops
from glassnet.nn.module import Module
from glassnet.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0) [Nair & Hinton 2010]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class ReLU6(Module):
    """y = min(max(x, 0), 6) [Krizhevsky 2010]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu6(x)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x [Maas et al. 2013]."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """y = x where x > 0, else alpha (exp(x) - 1) [Clevert et al. 2016]."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return ops.elu(x, self.alpha)


class GELU(Module):
    """y = x Phi(x), Phi the normal distribution function; approximate "none" or "tanh"
    [Hendrycks & Gimpel 2016].
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x, self.approximate)


class SiLU(Module):
    """y = x sigmoid(x), also called swish [Elfwing et al. 2018]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.silu(x)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class Softplus(Module):
    """y = log(1 + exp(beta x)) / beta, taken as x where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Tensor) -> Tensor:
        return ops.softplus(x, self.beta, self.threshold)


class Softmax(Module):
    """y_i = exp(x_i) / sum over j of exp(x_j), along the axis `dim`.

    Losses take the numbers before it: CrossEntropyLoss has its own log-softmax.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.dim)


class LogSoftmax(Module):
    """y_i = x_i - log(sum over j of exp(x_j)), along the axis `dim`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, self.dim)


class Maxout(Module):
    """y_i = max(x[pieces i], ..., x[pieces i + pieces - 1]) along the axis `dim`.

    x (N, C, ...) -> (N, C / pieces, ...): behind a linear or convolution layer with `pieces` times
    the outputs it is the maxout unit [Goodfellow et al. 2013].
    """

    def __init__(self, pieces: int = 2, dim: int = 1) -> None:
        super().__init__()
        self.pieces, self.dim = pieces, dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.maxout(x, self.pieces, self.dim)
