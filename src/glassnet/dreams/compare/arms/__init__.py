"""The arms, a file each; importing one enters it into the table of `arm.py`."""

from glassnet.dreams.compare.arms.boltzmann import Boltzmann
from glassnet.dreams.compare.arms.denoising import Denoising
from glassnet.dreams.compare.arms.patches import Patches
from glassnet.dreams.compare.arms.scratch import Scratch
from glassnet.dreams.compare.arms.transfer import Transfer

__all__ = ["Boltzmann", "Denoising", "Patches", "Scratch", "Transfer"]
