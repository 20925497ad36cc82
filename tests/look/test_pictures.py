import base64
import io

import numpy as np
import pytest
from PIL import Image

from glassnet import nn
from glassnet.look import pictures


def decode(uri: str) -> np.ndarray:
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_a_picture_comes_back_from_its_address(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decode(pictures.data_uri(picture)), picture)


def test_photographs_are_made_smaller() -> None:
    assert decode(pictures.data_uri(np.zeros((1000, 500, 3), np.uint8))).shape == (224, 112, 3)


def test_images_of_a_data_set_become_pictures() -> None:
    colour = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    np.testing.assert_array_equal(pictures.pixels(colour), colour.transpose(1, 2, 0))
    np.testing.assert_array_equal(pictures.pixels(colour[:1]), colour[0])
    assert pictures.pixels(np.zeros((5, 2, 4), np.uint8)).shape == (2, 4)
    floats = np.array([[[-1.0, 0.0, 1.0]]], np.float32)
    assert pictures.pixels(floats).tolist() == [[0, 128, 255]]
    assert pictures.pixels(np.full((1, 2, 2), 3.0)).tolist() == [[0, 0], [0, 0]]


def test_filters_are_drawn_on_their_own_scale() -> None:
    grey = pictures.draw_filter(np.array([[[-2.0, 0.0, 2.0]]]))
    assert grey.tolist() == [[[20, 90, 160], [247, 247, 247], [190, 85, 0]]]
    colour = pictures.draw_filter(np.array([[[-1.0]], [[0.0]], [[1.0]]]))
    assert colour.tolist() == [[[0, 128, 255]]]
    assert pictures.draw_filter(np.zeros((1, 2, 2))).tolist() == [[[247] * 3] * 2] * 2


def test_the_first_layer_with_weights() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.Linear(5, 2))
    name, weight = pictures.first_filters(net, (3, 4, 4))
    assert name == "1"
    assert weight is not None
    assert weight.shape == (5, 3, 4, 4)
    np.testing.assert_array_equal(weight[2].ravel(), net[1].weight.data[2])

    convolution = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Conv2d(6, 2, 3))
    name, weight = pictures.first_filters(convolution, (1, 9, 9))
    assert weight is not None
    assert weight.shape == (6, 1, 5, 5)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.ReLU(), (1, 4, 4)),
        (nn.Conv2d(4, 2, 3), (4, 9, 9)),
        (nn.Conv2d(3, 2, 1), (3, 9, 9)),
        (nn.Linear(16, 2), (16,)),
        (nn.Linear(7, 2), (1, 4, 4)),
    ],
)
def test_layers_that_cannot_be_looked_at(net: nn.Module, shape: tuple[int, ...]) -> None:
    assert pictures.first_filters(net, shape)[1] is None
