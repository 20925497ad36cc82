import numpy as np

import glassnet as gn
from glassnet import ops
from glassnet.ops._samples import normal
from tests.helpers import check


def test_conversion_passes_the_gradient_in_the_dtype_of_the_argument() -> None:
    x = gn.tensor([1.5, 2.5], requires_grad=True)
    y = x.double()
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 5])


def test_to_the_same_dtype_is_the_tensor_itself() -> None:
    x = gn.ones(2)
    assert x.float() is x
    assert x.to(np.float32) is x


def test_whole_numbers_have_no_gradient() -> None:
    x = gn.tensor([1.7, -1.7], requires_grad=True)
    assert x.long().tolist() == [1, -1]
    assert x.int().dtype == np.int32
    assert x.bool().tolist() == [True, True]
    assert not x.long().requires_grad


def test_clone_has_memory_of_its_own_in_the_same_layout() -> None:
    check(ops.clone, normal(2, 3), expected=normal(2, 3))
    image = gn.Tensor(np.zeros((2, 5, 5, 3), np.float32).transpose(0, 3, 1, 2))
    copy = image.clone()
    assert copy.data.strides == image.data.strides
    assert not np.shares_memory(copy.data, image.data)
