"""A small Vision Transformer: an image as a sequence of patches.

[Dosovitskiy et al. 2021, section 3.1; the sizes of DeiT-Ti: Touvron et al. 2021, table 1].
Parameters have timm's names (`deit_tiny_patch16_224`, `vit_tiny_patch16_224`).

N batch, C channels, H W height width, P patch, L = 1 + (H / P) (W / P) tokens, E width, A heads,
K classes; x (N, C, H, W) -> logits (N, K).
"""

from __future__ import annotations

import numpy as np

from glassnet import nn, ops
from glassnet.data import Preprocessing
from glassnet.models.registry import Size, architecture, shrunk
from glassnet.models.weights import IMAGENET_MEAN, IMAGENET_STD, Pretrained, Weights, with_weights
from glassnet.tensor import Tensor

EPS = 1e-6  # of every layer normalisation

WEIGHTS = Weights(
    publisher="Meta (DeiT)",
    file="deit_tiny_patch16_224-a1311bcf.pth",
    sha256="a1311bcf",
    preprocessing=Preprocessing((224, 224), 3, IMAGENET_MEAN, IMAGENET_STD, 0.9, "bicubic"),
    top1=0.7219,
    head="head",
    url="https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth",
)


class PatchEmbed(nn.Module):
    """Each patch times one matrix: x (N, C, H, W) -> tokens (N, L - 1, E)."""

    def __init__(self, in_channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, width, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        return ops.transpose(ops.flatten(self.proj(x), 2), 1, 2)


class Attention(nn.Module):
    """Self-attention with A heads: softmax(q k^T / sqrt(E / A)) v; x (N, L, E) -> the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        split = ops.reshape(self.qkv(x), n, tokens, 3, self.heads, width // self.heads)
        split = ops.permute(split, 2, 0, 3, 1, 4)  # (3, N, A, L, E / A)
        y = ops.scaled_dot_product_attention(split[0], split[1], split[2])
        return self.proj(ops.reshape(ops.transpose(y, 1, 2), n, tokens, width))


class Mlp(nn.Module):
    """Two linear layers with GELU between: x (N, L, E) -> the same."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); x (N, L, E) -> the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, EPS)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Patches, a class token in front, positions, blocks; the class token answers."""

    def __init__(
        self, in_channels: int, classes: int, size: tuple[int, int], patch: int, width: int,
        depth: int, heads: int,
    ) -> None:  # fmt: skip
        super().__init__()
        rows, columns = shrunk(size, patch, "vit")
        self.patch_embed = PatchEmbed(in_channels, width, patch)
        self.cls_token = nn.Parameter(np.zeros((1, 1, width), np.float32))
        self.pos_embed = nn.Parameter(np.zeros((1, 1 + rows * columns, width), np.float32))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, EPS)
        self.head = nn.Linear(width, classes)
        self.apply(_initialise)
        for token in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)  # (N, L - 1, E)
        first = ops.expand(self.cls_token, len(x), -1, -1)
        x = ops.concatenate([first, x], dim=1) + self.pos_embed  # (N, L, E)
        x = self.norm(self.blocks(x))
        return self.head(x[:, 0])


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


@architecture(
    "vit_tiny",
    input=(3, 224, 224),
    source="Dosovitskiy et al. 2021, An image is worth 16x16 words; Touvron et al. 2021, DeiT",
    parameters=5_717_416,
    multiply_adds=1_253_683_200,
    weights=WEIGHTS,
)
def vit_tiny(
    in_channels: int = 3,
    classes: int = 1000,
    size: Size = 224,
    patch: int = 16,
    width: int = 192,
    depth: int = 12,
    heads: int = 3,
    pretrained: Pretrained = False,
) -> nn.Module:
    """Vision Transformer, ViT-Ti/16: 12 blocks of width 192 on patches of 16 x 16 pixels."""
    sides = (size, size) if isinstance(size, int) else size
    net = VisionTransformer(in_channels, classes, sides, patch, width, depth, heads)
    return with_weights(net, WEIGHTS, pretrained)
