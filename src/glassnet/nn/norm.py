"""Normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, and over what the mean is taken.

N batch, C channels, L length, H W height and width, D features. BatchNorm: each channel over the
batch; LayerNorm: each sample over its last axes; GroupNorm: each sample over a group of channels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from glassnet import ops
from glassnet.errors import GlassnetWarning, ShapeError
from glassnet.nn import functional, init
from glassnet.nn.module import Module, Parameter
from glassnet.tape import is_grad_enabled
from glassnet.tensor import Tensor


class _Affine(Module):
    """The weight and bias that the layers share; None where there are none."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: tuple[int, ...], weight: bool, bias: bool) -> None:
        self.weight = Parameter(np.ones(shape, np.float32)) if weight else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if bias else None

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0 again."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _BatchNorm(_Affine):
    """Each channel normalised over the batch and all places [Ioffe & Szegedy 2015].

    Training: with the mean and the (biased) variance of the batch, while the running statistics
    move: running = (1 - momentum) running + momentum batch, the variance with Bessel's correction;
    `momentum=None` makes them plain averages over all batches. In eval mode, and in both when
    frozen (`freeze()`), the running statistics are used and stay. Parameters: weight, bias (C).
    Buffers: running_mean, running_var (C), num_batches_tracked (); none, and the batch's statistics
    in every mode, with `track_running_stats=False`.
    """

    ndims: tuple[int, ...] = ()
    expected = ""
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._make_affine((num_features,), affine, affine)
        tracked = track_running_stats
        self.register_buffer(
            "running_mean", np.zeros(num_features, np.float32) if tracked else None
        )
        self.register_buffer("running_var", np.ones(num_features, np.float32) if tracked else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if tracked else None)

    def forward(self, x: Tensor) -> Tensor:
        batch = self.training and not self.frozen
        training = batch or self.running_mean is None
        return self.normalise(x, partial(ops.batch_norm, training=training))

    def normalise(self, x: Tensor, operation: Callable[..., Tensor]) -> Tensor:
        """`operation` on x with this layer's statistics and parameters; see `ops.batch_norm`."""
        if x.ndim not in self.ndims:
            raise ShapeError(f"expected {self.expected}, C = {self.num_features}, got {x.shape}")
        moving = self.training and not self.frozen
        if moving and is_grad_enabled():
            self._warn_if_half_frozen()
        statistics = (self.running_mean, self.running_var)
        step, eps = self._step(), self.eps
        y = operation(x, *statistics, self.weight, self.bias, momentum=step, eps=eps)
        if moving and (seen := self.num_batches_tracked) is not None:
            seen.write(Tensor(seen.data + 1))
        return y

    def _step(self) -> float:
        """How far the running statistics move to those of this batch."""
        if self.momentum is not None:
            return self.momentum
        seen = self.num_batches_tracked
        return 1.0 if seen is None else 1.0 / (seen.item() + 1)

    def _warn_if_half_frozen(self) -> None:
        tracked = self.running_mean is not None
        if tracked and self.weight is not None and not self.weight.requires_grad:
            warnings.warn(
                f"{self!r} has requires_grad=False, but in train() its batch statistics go on "
                f"moving; use freeze(), which holds them too",
                GlassnetWarning,
                stacklevel=5,
            )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of x (N, C) or (N, C, L)."""

    __doc__ = f"{__doc__}\n\n{_BatchNorm.__doc__}"
    ndims, expected = (2, 3), "x (N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of x (N, C, H, W)."""

    __doc__ = f"{__doc__}\n\n{_BatchNorm.__doc__}"
    ndims, expected = (4,), "x (N, C, H, W)"


class LayerNorm(_Affine):
    """Each sample normalised over its last axes [Ba, Kiros, Hinton 2016].

    x (..., *normalized_shape) -> the same; weight and bias of `normalized_shape`, a number for the
    last axis alone.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(shape), eps
        self._make_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(_Affine):
    """Each sample normalised over groups of channels and all places [Wu & He 2018].

    x (N, C, ...) -> the same, C = num_channels in num_groups equal groups; weight and bias (C).
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ShapeError(
                f"GroupNorm: {num_channels} channels cannot be split into {num_groups} equal groups"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._make_affine((num_channels,), affine, affine)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"expected x (N, {self.num_channels}, ...), got {x.shape}")
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class LocalResponseNorm(Module):
    """y_c = x_c / (k + alpha / size sum over the `size` channels b around c of x_b^2)^beta.

    x (N, C, ...) -> the same [Krizhevsky et al. 2012, section 3.3; alpha / size as in PyTorch].
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return ops.local_response_norm(x, self.size, self.alpha, self.beta, self.k)
