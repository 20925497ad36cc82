"""From a folder of photographs to a network that tells them apart, in a minute on a CPU.

    python examples/transfer.py photos/ [--model efficientnet_lite0]

The folder has a folder of images for each class, or train/ and val/ with those. What the command
`glassnet transfer` does, step by step; each step gives something to look at.
"""

import argparse
from pathlib import Path

import glassnet as gn
from glassnet import transfer

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", type=Path)
parser.add_argument("--model", default="efficientnet_lite0")
parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
choice = parser.parse_args()

# A network that learned to name 1,000 things, and what it expects to be shown.
source = transfer.source(choice.model)
print(source.preprocessing)

# What its last layers say of every image: numbers, computed once and kept on disk.
examples = transfer.classes(choice.folder)
found = transfer.extract(source, examples.root, examples.files, transfer.candidates(source.net))
print({str(layer): values.shape for layer, values in found.values.items()})

# A logistic regression on them; cross-validation chooses the layer and the penalty.
learned = transfer.fit_layers(source, examples, found)
print(f"layer {learned.chosen.layer}, penalty {learned.probe.strength:.2g}: {learned.evaluate()}")
for pair in learned.twice:
    print(f"on both sides of the split: {pair.judged}, {pair.learned}")

# How many images would have done?
for point in transfer.learning_curve(learned):
    print(f"{point.each:5} images a class: {point.mean:.1%}")

# Backbone and probe as one network: a run, as training from scratch gives one.
run = transfer.save_probe(learned, choice.out, seconds=0.0)
print(gn.report(run, transfer.images(learned, held_out=True), evaluation=learned.evaluate()))
