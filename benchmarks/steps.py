"""Contenders for whole steps: the same network, weights and batch in glassnet and in PyTorch.

A training step is zero_grad, forward, loss, backward and the optimiser's update, through each
library's public face; inference is forward alone, in evaluation mode without recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.networks import TRAINED, USED, Network
from benchmarks.timing import OURS, Contender

CHANNELS_LAST, COMPILED = "PyTorch channels-last", "torch.compile"
PYTORCH = "PyTorch"


def training_step(name: str, compiled: bool) -> dict[str, Contender]:
    """Training steps with AdamW; the 94 % network's with SGD, Nesterov and smoothed labels."""
    network = TRAINED[name]
    sgd = network.batch == 512
    x, y = _batch(network)
    ours, weights = _our_step(network, x, y, sgd)
    steps = {OURS: ours}
    peers = {PYTORCH: False, CHANNELS_LAST: True} | ({COMPILED: True} if compiled else {})
    for peer, last in peers.items():
        steps[peer] = _their_step(network, x, y, weights, sgd, last, peer == COMPILED)
    return steps


def inference(name: str, compiled: bool) -> dict[str, Contender]:
    """Forward of a network whose batch norms are folded, ONNX Runtime among the peers."""
    import torch

    from benchmarks.onnx_peer import session
    from glassnet import nn, no_grad, tensor

    network = USED[name]
    x, _ = _batch(network)
    net = network.make(nn).eval()
    weights, image = net.state_dict(), tensor(_channels_last(x))

    def ours() -> Any:
        with no_grad():
            return net(image)

    calls: dict[str, Contender] = {OURS: ours}
    peers = {PYTORCH: False, CHANNELS_LAST: True} | ({COMPILED: True} if compiled else {})
    for peer, last in peers.items():
        theirs, images = _their_network(network, weights, x, last)
        theirs = torch.compile(theirs.eval()) if peer == COMPILED else theirs.eval()
        calls[peer] = lambda theirs=theirs, images=images: _without_gradients(theirs, images)
    calls["ONNX Runtime"] = session(_their_network(network, weights, x, False)[0], x)
    _require_same({name: np.asarray(call()) for name, call in calls.items()})
    return calls


def _without_gradients(net: Any, images: Any) -> Any:
    import torch

    with torch.inference_mode():
        return net(images)


def _batch(network: Network) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.standard_normal((network.batch, *network.shape)).astype(np.float32)
    return x, random.integers(0, network.classes, network.batch)


def _channels_last(x: Any) -> Any:
    """The same numbers as the loader hands them out: (N, C, H, W), channels last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _our_step(network: Network, x: Any, y: Any, sgd: bool) -> tuple[Contender, dict[str, Any]]:
    """Our step, and the weights that the network begins with."""
    from glassnet import Tensor, nn, ops, optim

    net = network.make(nn)
    weights = net.state_dict()
    images, labels = Tensor(_channels_last(x)), Tensor(y)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = _optimizer(optim, trained, sgd)
    smoothing = 0.2 if sgd else 0.0

    def step() -> None:
        optimizer.zero_grad()
        ops.cross_entropy(net(images), labels, label_smoothing=smoothing).backward()
        optimizer.step()

    return step, weights


def _their_step(
    network: Network, x: Any, y: Any, weights: dict[str, Any], sgd: bool, last: bool, compiled: bool
) -> Contender:
    """The same in PyTorch, from the same weights."""
    import torch

    net, images = _their_network(network, weights, x, last)
    labels = torch.tensor(y)
    optimizer = _optimizer(torch.optim, [p for p in net.parameters() if p.requires_grad], sgd)
    smoothing = 0.2 if sgd else 0.0

    def loss() -> Any:
        return torch.nn.functional.cross_entropy(net(images), labels, label_smoothing=smoothing)

    loss = torch.compile(loss) if compiled else loss

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def _optimizer(optim: Any, params: list[Any], sgd: bool) -> Any:
    if sgd:
        return optim.SGD(params, lr=1e-3, momentum=0.85, weight_decay=1e-4, nesterov=True)
    return optim.AdamW(params)


def _their_network(network: Network, weights: dict[str, Any], x: Any, last: bool) -> Any:
    """PyTorch's network with these weights, and its images."""
    import torch

    net, images = network.make(torch.nn), torch.tensor(x)
    net.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
    if last:
        net, images = (v.to(memory_format=torch.channels_last) for v in (net, images))
    return net, images


def _require_same(answers: dict[str, Any]) -> None:
    """Contenders must compute the same, or their times say nothing."""
    ours = answers[OURS]
    for name, theirs in answers.items():
        difference = np.abs(theirs - ours).max() / np.abs(ours).max()
        if not difference < 1e-3:
            raise AssertionError(f"{name} and glassnet differ by {difference:.1e}")
