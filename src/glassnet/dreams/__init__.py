"""Boltzmann machines and their kin: networks that learn what data look like, and can dream them up.

Here live the restricted Boltzmann machine, stacks of them, how they learn, how likely they find
data, and chains that can be watched a step at a time. Every formula stands in NumPy beside the
sentence that says what it is. No labels are needed, and no tape: these networks learn from the
difference between what they see and what they dream.
"""

from glassnet.dreams.autoencoder import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from glassnet.dreams.chain import Chain, Frame, associate
from glassnet.dreams.dbm import DBM
from glassnet.dreams.dbn import DBN
from glassnet.dreams.files import load
from glassnet.dreams.finetune import unrolled
from glassnet.dreams.kmeans import PatchFeatures
from glassnet.dreams.learn import Learning, fit
from glassnet.dreams.likelihood import Bracket, ais, bracket, exact_log_z, reverse_ais
from glassnet.dreams.rbm import RBM, binarise

__all__ = [
    "DBM",
    "DBN",
    "RBM",
    "Bracket",
    "Chain",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Frame",
    "Learning",
    "PatchFeatures",
    "VariationalAutoencoder",
    "ais",
    "associate",
    "binarise",
    "bracket",
    "exact_log_z",
    "fit",
    "load",
    "reverse_ais",
    "unrolled",
]
