"""A denoising autoencoder, whose encoder is the network that is then fine-tuned."""

from __future__ import annotations

from glassnet import nn, random
from glassnet.dreams.autoencoder import DenoisingAutoencoder
from glassnet.dreams.compare.arm import Images
from glassnet.dreams.compare.arms.scratch import Convolutional
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import CODE

EPOCHS = 1000  # the clock ends it
_DECODER = 0xDE


class Denoising(Convolutional):
    """The encoder learns to fill in digits of which half the pixels are missing."""

    name = "denoising"
    title = "denoising autoencoder"
    about = "the same convolutional network, pretrained as the encoder of a denoising autoencoder"

    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        with random.using(random.derive(self.seed, _DECODER)):
            decoder = nn.Sequential(nn.Linear(CODE, 784), nn.Unflatten(1, (1, 28, 28)))
        model = DenoisingAutoencoder(noise=0.5, encoder=self.body, decoder=decoder)
        model.fit(unlabelled, epochs=EPOCHS, seed=self.seed, until=lambda: clock.over)
