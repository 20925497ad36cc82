import numpy as np
import pytest

import glassnet as gn
from glassnet import models, transfer
from glassnet.errors import DataError, GlassnetError
from glassnet.transfer import Layer
from glassnet.transfer.finetune import LOWER, thaw, unit_names


@pytest.fixture
def learned(source, photos, tmp_path):
    examples = transfer.classes(photos, 0.25)
    return transfer.learn(source, examples, [Layer()], cache=tmp_path / "cache.sqlite")


def test_units_of_networks():
    gn.manual_seed(0)
    lite = models.efficientnet_lite0(classes=2)
    names = unit_names(lite)
    assert names[:2] == ["conv_stem", "blocks.0.0"] and names[-2:] == ["blocks.6.0", "conv_head"]
    assert len(names) == 18
    assert unit_names(models.build("digits")) == ["0", "3"]
    assert unit_names(models.build("resnet20"))[:2] == ["conv1", "layer1.0"]


def test_units_of_a_cut_network(source):
    net = gn.nn.Sequential(source.part(Layer("blocks.0", 2)), gn.nn.Linear(32, 2))
    assert unit_names(net) == ["0.net.blocks.0.0"]
    whole = gn.nn.Sequential(source.part(Layer()), gn.nn.Linear(16, 2))
    assert unit_names(whole) == ["0.net.blocks.0.0", "0.net.blocks.1.0"]


def test_rates_fall_and_the_rest_is_frozen(source):
    net = source.net
    groups = thaw(net, 1, 0.1)
    assert [g["lr"] for g in groups] == pytest.approx([0.1, 0.1 * LOWER])
    assert net.blocks[0][0].frozen and net.blocks[0][1].frozen and not net.blocks[1][1].frozen
    learning = {name for name, p in net.named_parameters() if p.requires_grad}
    assert learning == {"fc.weight", "fc.bias", "blocks.1.0.weight", "blocks.1.0.bias",
                        "blocks.1.1.weight", "blocks.1.1.bias"}  # fmt: skip
    with pytest.raises(GlassnetError, match=r"3 units below the head cannot be unfrozen, .* has 2"):
        thaw(net, 3, 0.1)


def test_what_is_frozen_stays_to_the_last_bit(learned, tmp_path):
    before = learned.source.net.state_dict()
    run, held = transfer.fine_tune(learned, 1, epochs=2, lr=1e-2, out=tmp_path / "run")
    after = run.net.state_dict()
    moved = {name for name in after if not np.array_equal(before[name], after[name])}
    assert not any(name.startswith("blocks.0") for name in moved)  # running statistics neither
    assert {"blocks.1.0.weight", "blocks.1.1.running_mean", "fc.weight"} <= moved
    assert run.evaluate(held).accuracy == 1.0
    assert gn.load(tmp_path / "run").config["finetune"] == 1


def test_it_begins_with_the_probe(learned, tmp_path):
    run, _ = transfer.fine_tune(learned, 1, epochs=1, lr=1e-9)
    np.testing.assert_allclose(run.net.fc.weight.data, learned.probe.weight, atol=1e-6)


def test_attributes_take_a_probe(learned):
    from dataclasses import replace

    other = replace(learned, examples=replace(learned.examples, kind="clips"))
    with pytest.raises(DataError, match="folders of classes; clips take a probe"):
        transfer.fine_tune(other, 1)
