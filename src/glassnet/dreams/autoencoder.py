"""Autoencoders: networks that learn a code by giving back what they were shown.

    N examples, V visible units, H code; x (N, V) in 0..1, or images (N, C, H, W) for convolutions
    code = encoder(x),  given back = sigmoid(decoder(code))

A code as large as what it codes could pass everything on untouched. Three ways to make it learn:

    DenoisingAutoencoder     show x with a part of it missing, ask for the whole
                             [Vincent et al. 2010, "Stacked denoising autoencoders"]
    ContractiveAutoencoder   ask that the code moves little when x does
                             [Rifai et al. 2011, "Contractive auto-encoders"]
    VariationalAutoencoder   blur the code, and ask that codes lie like a normal distribution
                             [Kingma & Welling 2014, "Auto-encoding variational Bayes"]

All are modules of `glassnet.nn` and learn on the tape; `fit`, `transform` and `score_samples` are
those of scikit-learn's estimators. No layer-by-layer training: all layers learn at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet import nn, ops, optim, random
from glassnet.errors import DataError, GlassnetError, ShapeError
from glassnet.nn.module import evaluating
from glassnet.tensor import Tensor

Array = NDArray[np.float32]

_ORDER, _STEP, _WEIGHTS, _SAMPLE = 0xAE0, 0xAE1, 0xAE2, 0xAE3
AT_ONCE = 500  # examples, where nothing is learned


class Autoencoder(nn.Module):
    """What the three share: an encoder, a decoder that gives logits, how to learn and to code.

    history  the mean loss of each epoch of `fit`, in nats an example
    """

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.history: list[float] = []

    def losses(self, x: Tensor) -> Tensor:
        """What is made small: the loss of each example, (N,) in nats."""
        raise NotImplementedError

    def code(self, x: Tensor) -> Tensor:
        """The code of x, on the tape."""
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(self.decoder(self.code(x)))

    # -- as an estimator ---------------------------------------------------------------------------
    def fit(
        self,
        x: ArrayLike,
        y: object = None,
        epochs: int = 10,
        batch_size: int = 100,
        lr: float = 1e-3,
        seed: int = 0,
        until: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn to give back x; y, which scikit-learn's pipelines hand on, is not looked at.

        until  asked before each step; learning ends once it says True. The order of examples and
        what the loss draws depend on (seed, epoch) and (seed, step) alone. Raises DataError for
        values outside 0..1 and for no examples, GlassnetError for a loss that is not finite.
        """
        examples, optimizer = _examples(x), optim.Adam(self.parameters(), lr=lr)
        if not len(examples):
            raise DataError("there are no examples to learn from")
        self.train()
        for epoch in range(epochs):
            order = random.derive(seed, _ORDER, epoch).permutation(len(examples))
            total, seen = 0.0, 0
            for start in range(0, len(order), batch_size):
                if until is not None and until():
                    break
                rows = order[start : start + batch_size]
                with random.using(random.derive(seed, _STEP, epoch, start)):
                    total += self._step(examples[rows], optimizer) * len(rows)
                seen += len(rows)
            if seen:
                self.history.append(total / seen)
            if seen < len(order):
                break
        self.eval()
        return self

    def _step(self, x: Array, optimizer: optim.Optimizer) -> float:
        optimizer.zero_grad()
        loss = self.losses(Tensor(x)).mean()
        if not np.isfinite(loss.item()):
            raise GlassnetError(f"the loss is {loss.item()}; lower the learning rate")
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def transform(self, x: ArrayLike) -> Array:
        """The code of each example."""
        return self._each(self.code, x)

    def reconstruct(self, x: ArrayLike) -> Array:
        """What is given back of each example, 0..1, in the shape of x."""
        return self._each(self, x)

    def score_samples(self, x: ArrayLike, seed: int = 0) -> Array:
        """The negative loss of each example: (N,); what the loss draws depends on the seed."""
        with random.using(random.derive(seed, _SAMPLE)):
            return -self._each(self.losses, x)

    def _each(self, function: Callable[[Tensor], Tensor], x: ArrayLike) -> Array:
        examples = _examples(x)
        with evaluating(self):
            parts = [
                function(Tensor(examples[start : start + AT_ONCE])).data
                for start in range(0, max(len(examples), 1), AT_ONCE)
            ]
        return np.concatenate(parts)


class DenoisingAutoencoder(Autoencoder):
    """Gives back the whole x from an x of which each value was set to 0 with probability `noise`.

    loss = - sum over pixels of x log r + (1 - x) log(1 - r), r what is given back

    visible   V; hidden the sizes of the layers up to the code, mirrored on the way back
    encoder, decoder  modules of your own in their place, convolutions say; the decoder gives
    logits in the shape of x
    """

    def __init__(
        self,
        visible: int = 784,
        hidden: Sequence[int] = (500,),
        noise: float = 0.3,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        seed: int = 0,
    ) -> None:
        if not 0 <= noise < 1:
            raise GlassnetError(f"noise is the share of values that are lost, 0..1, got {noise}")
        if (encoder is None) != (decoder is None):
            raise GlassnetError("give both an encoder and a decoder, or neither")
        with random.using(random.derive(seed, _WEIGHTS)):
            super().__init__(
                encoder or _layers((visible, *hidden), last=True),
                decoder or _layers((*reversed(hidden), visible), last=False),
            )
        self.noise = noise

    def losses(self, x: Tensor) -> Tensor:
        kept = random.generator().random(x.shape, dtype=np.float32) >= self.noise
        return cross_entropies(self.decoder(self.code(x * Tensor(kept.astype(np.float32)))), x)


class ContractiveAutoencoder(Autoencoder):
    """One layer h = sigmoid(W x + c), given back as sigmoid(W^T h + b), whose code moves little.

    loss = cross-entropy + strength |dh/dx|^2
    |dh/dx|^2 = sum over j of (h_j (1 - h_j))^2 sum over i of W_ji^2

    The Jacobian of one sigmoid layer is written out, so one derivative of it, the tape's, is
    enough. visible V, hidden H; strength 0 leaves a plain autoencoder.
    """

    def __init__(
        self, visible: int = 784, hidden: int = 500, strength: float = 0.1, seed: int = 0
    ) -> None:
        self.decoder: _Tied
        with random.using(random.derive(seed, _WEIGHTS)):
            layer = nn.Linear(visible, hidden)
            super().__init__(nn.Sequential(layer, nn.Sigmoid()), _Tied(layer))
        self.strength = strength

    def losses(self, x: Tensor) -> Tensor:
        code = self.code(x)
        return cross_entropies(self.decoder(code), x) + self.strength * self.contraction(code)

    def contraction(self, code: Tensor) -> Tensor:
        """|dh/dx|^2, the squared Frobenius norm, of each example's code: (N, H) -> (N,)."""
        slope = code * (1 - code)
        weight = self.decoder.weight  # (H, V)
        return ops.matmul(slope * slope, (weight * weight).sum(dim=1))


class VariationalAutoencoder(Autoencoder):
    """A model of x with a normal code z: p(z) = N(0, 1), p(x | z) = Bernoulli(sigmoid(decoder(z))).

    q(z | x) = N(m, s^2), both from the encoder. The loss is minus the evidence lower bound,

        log p(x) >= E_q[log p(x | z)] - KL(q || p)
        KL = sum over the code of (m^2 + s^2 - log s^2 - 1) / 2

    with one draw z = m + s e, e ~ N(0, 1), through which gradients pass. `transform` gives m.

    visible V; hidden units of the one layer on each side; latent  the length of z
    """

    def __init__(
        self, visible: int = 784, hidden: int = 400, latent: int = 20, seed: int = 0
    ) -> None:
        with random.using(random.derive(seed, _WEIGHTS)):
            super().__init__(
                nn.Sequential(nn.Linear(visible, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent)),
                nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, visible)),
            )
        self.latent = latent

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z | x), both (N, latent)."""
        both = self.encoder(x)
        return both[:, : self.latent], both[:, self.latent :]

    def code(self, x: Tensor) -> Tensor:
        """The mean of q(z | x)."""
        return self.posterior(x)[0]

    def losses(self, x: Tensor) -> Tensor:
        mean, log_variance = self.posterior(x)
        drawn = Tensor(random.generator().standard_normal(mean.shape, dtype=np.float32))
        z = mean + ops.exp(log_variance / 2) * drawn
        return cross_entropies(self.decoder(z), x) + self.divergence(mean, log_variance)

    def divergence(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """KL(q || p) of each example: (N, latent) twice -> (N,)."""
        each = mean * mean + ops.exp(log_variance) - log_variance - 1
        return each.sum(dim=1) / 2

    def sample(self, count: int, seed: int = 0) -> Array:
        """Dreams: the pixels' probabilities for codes drawn from N(0, 1), (count, V)."""
        draw = random.derive(seed, _SAMPLE)
        z = draw.standard_normal((count, self.latent), dtype=np.float32)
        with evaluating(self):
            return ops.sigmoid(self.decoder(Tensor(z))).data


class _Tied(nn.Module):
    """h -> W^T h + b, with the W of another layer."""

    def __init__(self, other: nn.Linear) -> None:
        super().__init__()
        self.weight = other.weight  # (H, V), the same Parameter
        self.bias = nn.Parameter(np.zeros(other.in_features, np.float32))

    def forward(self, h: Tensor) -> Tensor:
        return ops.matmul(h, self.weight) + self.bias


def cross_entropies(logits: Tensor, x: Tensor) -> Tensor:
    """- log p(x) of each example, for pixels that are independent given the logits: (N,)."""
    each = ops.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return each.reshape(len(x), -1).sum(dim=1)


def _layers(sizes: Sequence[int], last: bool) -> nn.Sequential:
    """Linear layers, a sigmoid after each; after the last one only where asked for."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.Sigmoid()]
    return nn.Sequential(*(layers if last else layers[:-1]))


def _examples(x: ArrayLike) -> Array:
    """x as float32 in 0..1; bytes are divided by 255. Raises ShapeError and DataError."""
    values = np.asarray(x)
    if values.ndim < 2:
        raise ShapeError(f"expected examples (N, V) or images (N, C, H, W), got {values.shape}")
    if values.dtype == np.uint8:
        return values * np.float32(1 / 255)
    made = np.ascontiguousarray(values, np.float32)
    if made.size and not (made.min() >= 0 and made.max() <= 1):
        raise DataError(
            f"autoencoders take numbers from 0 to 1, got {made.min():g} to {made.max():g}; "
            "scale the data"
        )
    return made
