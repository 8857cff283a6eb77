"""The estimate of an epoch's time."""

import pytest

from explorer.core.errors import ConfigError
from explorer.core.training.throughput import epoch_seconds

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (1, 8, 8)


def test_ten_times_the_images_take_about_ten_times_as_long():
    small, large = (epoch_seconds({"arch": "mlp"}, {"batch_size": 64}, SHAPE, n) for n in (640, 64_000))
    assert 0 < small < large / 20


def test_what_cannot_be_trained_is_said():
    with pytest.raises(ConfigError):
        epoch_seconds({"latent_dim": 0}, {}, SHAPE, 100)
