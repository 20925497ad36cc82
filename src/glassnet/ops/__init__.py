"""Floor 2: the operations, a page for each topic, and the only place where calculus is done.

Each operation is a pair of NumPy functions, forward and the backward derived from it by hand; the
page shows the formula and the shapes. Here lives what can be computed with tensors; what holds
parameters lives in `nn/`, what runs fast in `kernels/`. Importing the folder binds the operations
onto Tensor, so that `x.sum()` and `x + y` work.
"""

from glassnet.ops._bind import bind
from glassnet.ops.activation import (
    elu,
    gelu,
    leaky_relu,
    maxout,
    relu,
    relu6,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from glassnet.ops.arithmetic import (
    add,
    div,
    eq,
    ge,
    gt,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    mul,
    ne,
    neg,
    power,
    sub,
)
from glassnet.ops.creation import (
    arange,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    rand,
    rand_like,
    randn,
    randn_like,
    zeros,
    zeros_like,
)
from glassnet.ops.dtype import clone, to
from glassnet.ops.elementwise import (
    abs,
    clip,
    cos,
    erf,
    exp,
    log,
    log1p,
    maximum,
    minimum,
    sin,
    sqrt,
    where,
)
from glassnet.ops.index import embedding, gather, getitem, one_hot
from glassnet.ops.matmul import einsum, linear, matmul
from glassnet.ops.reduce import (
    Extreme,
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    std,
    sum,
    var,
)
from glassnet.ops.shape import (
    broadcast_to,
    chunk,
    concatenate,
    expand,
    flatten,
    flip,
    pad,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)

cat, clamp, pow, view = concatenate, clip, power, reshape

bind()
