"""Floor 5: a network that was trained on one thing, put to another.

Here lives what stands between a pretrained network and a folder of one's own: features and their
cache on disk, the linear probe, fine-tuning from the top, and what makes the result believable: the
split, pictures that are on both sides of it, the learning curve, the control from scratch. It
stands on `models/` and `train/` and writes runs as they do. No layers and no reading of weights.
"""

from glassnet.transfer.curve import Point, learning_curve
from glassnet.transfer.examples import Examples, attributes, classes, clips
from glassnet.transfer.extract import Extracted, Layer, Source, candidates, extract, source
from glassnet.transfer.finetune import fine_tune
from glassnet.transfer.learn import Learned, fit_layers, images, learn
from glassnet.transfer.precision import average_precision, average_precisions
from glassnet.transfer.probe import Probe, fit_probe
from glassnet.transfer.save import save_probe

__all__ = [
    "Examples",
    "Extracted",
    "Layer",
    "Learned",
    "Point",
    "Probe",
    "Source",
    "attributes",
    "average_precision",
    "average_precisions",
    "candidates",
    "classes",
    "clips",
    "extract",
    "fine_tune",
    "fit_layers",
    "fit_probe",
    "images",
    "learn",
    "learning_curve",
    "save_probe",
    "source",
]
