import numpy as np
import pytest

import glassnet as gn
from glassnet import models, nn
from glassnet.errors import GlassnetError
from glassnet.models.cut import find_layer, head, stages, tap, with_head


@pytest.fixture(scope="module")
def net() -> nn.Module:
    gn.manual_seed(0)
    return models.efficientnet_lite0(classes=3).eval()


@pytest.fixture(scope="module")
def images() -> gn.Tensor:
    rng = np.random.default_rng(0)
    return gn.tensor(rng.standard_normal((2, 3, 64, 64)).astype(np.float32))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [("conv_stem", (2, 32, 32, 32)), ("blocks.0", (2, 16, 32, 32)), ("stage4", (2, 80, 4, 4)),
     ("blocks.6.0.conv_dw", (2, 1152, 2, 2)), (None, (2, 1280)), ("classifier", (2, 3))],
)  # fmt: skip
def test_the_output_of_a_layer(net, images, layer, shape):
    assert models.features(net, layer)(images).shape == shape


def test_a_stage_of_either_family(net):
    assert find_layer(net, "stage1") == "blocks.0"
    resnet = nn.Sequential({"layer1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    assert find_layer(resnet, "stage1") == "layer1"


def test_what_the_head_is_shown_gives_the_answer(net, images):
    seen = models.features(net)(images)
    weight, bias = net.classifier.weight.data, net.classifier.bias.data
    np.testing.assert_allclose(seen.data @ weight.T + bias, net(images).data, atol=1e-5)


def test_pooling_is_the_mean_over_places(net, images):
    whole = models.features(net, "stage3")(images).data
    pool = models.features(net, "stage3", grid=1)(images).data
    np.testing.assert_allclose(pool, whole.mean((2, 3)), rtol=1e-5, atol=1e-6)
    quarters = models.features(net, "stage3", grid=2)(images).data.reshape(2, 40, 2, 2)
    np.testing.assert_allclose(
        quarters[:, :, 0, 1], whole[:, :, :4, 4:].mean((2, 3)), rtol=1e-5, atol=1e-6
    )


def test_several_layers_in_one_pass(net, images):
    first, last = tap(net, images, ["stage3", None])
    np.testing.assert_array_equal(first.data, models.features(net, "stage3")(images).data)
    np.testing.assert_array_equal(last.data, models.features(net)(images).data)


def test_the_stages(net):
    assert stages(net) == [f"blocks.{i}" for i in range(7)]
    assert stages(models.build("digits")) == []


def test_the_hooks_are_gone_afterwards(net, images):
    models.features(net, "stage3")(images)
    assert not net.blocks[2]._forward_hooks


def test_gradients_pass(net, images):
    x = gn.tensor(images.data, requires_grad=True)
    models.features(net, "blocks.0", grid=1)(x).sum().backward()
    assert np.abs(np.asarray(x.grad)).max() > 0


def test_a_layer_that_is_none(net):
    with pytest.raises(GlassnetError, match=r"no layer .blocks\.9.; it has .* such as .*blocks"):
        models.features(net, "blocks.9")


def test_a_layer_that_does_not_run():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(GlassnetError, match="'idle' did not run"):
        models.features(Odd(), "idle")(gn.zeros(1, 2))


def test_the_head(net):
    assert head(net) == "classifier"
    assert head(models.build("digits")) == "7"
    with pytest.raises(GlassnetError, match="does not end in a linear layer"):
        head(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))


def test_another_head_can_be_written_down_and_built_again(images):
    other = with_head(models.efficientnet_lite0(classes=3), nn.Linear(1280, 7)).eval()
    twin = nn.build(nn.architecture(other)).eval()
    twin.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(twin(images).data, other(images).data)


def test_a_cut_network_can_be_written_down(net, images):
    cut = nn.Sequential(models.features(net, "stage2", grid=1), nn.Linear(24, 2)).eval()
    twin = nn.build(nn.architecture(cut)).eval()
    twin.load_state_dict(cut.state_dict())
    np.testing.assert_array_equal(twin(images).data, cut(images).data)
