"""Settings of a model and of a training run: frozen dataclasses that validate their values. No torch."""

import math
from dataclasses import asdict, dataclass, fields

from explorer.core.errors import ConfigError, unknown

ARCHS = ("conv", "mlp")
LIKELIHOODS = ("bernoulli", "gaussian", "gaussian-learned", "continuous-bernoulli")
PRECISIONS = ("auto", "fp32", "bf16")
# May be missing in files of earlier versions; their defaults are what those versions did
ADDED_SETTINGS = {"recon_weight", "kl_variance_weight", "kl_mean_weight"}


@dataclass(frozen=True)
class ModelConfig:
    """The architecture and likelihood of a VAE."""

    image_shape: tuple[int, int, int] = (1, 28, 28)  # (C, H, W)
    latent_dim: int = 16  # on MNIST all 16 stay active, and 16 sliders fit a screen
    arch: str = "conv"  # with at least one minute of training, better than the MLP (93.1 nats against 95.9 in 600 s)
    likelihood: str = "bernoulli"  # as in the lecture; on grey levels a loss, not a likelihood (see vae/objective.py)
    widths: tuple[int, ...] = ()  # conv: channels, each layer halves the size; mlp: hidden units. (): `default_widths`
    hidden: int = 128  # conv only: the fully connected layer between the feature map and the latent

    def __post_init__(self):
        shape = tuple(self.image_shape)
        if len(shape) != 3 or not all(_is_int(s) for s in shape):
            what = f"image_shape must be (channels, height, width), not {self.image_shape}."
            raise ConfigError(what, "For example (1, 28, 28).")
        if shape[0] not in (1, 3):
            raise ConfigError(f"Images must have 1 or 3 channels, not {shape[0]}.", "Convert them to grey or RGB.")
        if not all(8 <= s <= 128 for s in shape[1:]):
            raise ConfigError(f"Images must be 8 to 128 px on each side, not {shape[1]} x {shape[2]}.", "Resize them.")
        _whole("latent_dim", self.latent_dim, 1, 128)
        if self.arch not in ARCHS:
            raise unknown("architecture", self.arch, ARCHS)
        if self.likelihood not in LIKELIHOODS:
            raise unknown("likelihood", self.likelihood, LIKELIHOODS)
        widths = tuple(self.widths) or default_widths(self.arch, shape)
        for width in widths:
            _whole("each of widths", width, 1, 4096)
        if len(widths) > 6 or (self.arch == "conv" and min(shape[1:]) >> len(widths) < 1):
            raise ConfigError(f"{len(widths)} widths are too many for {shape[1]} x {shape[2]} px.", "Give fewer.")
        _whole("hidden", self.hidden, 1, 4096)
        object.__setattr__(self, "image_shape", shape)
        object.__setattr__(self, "widths", widths)

    @property
    def n_pixels(self) -> int:
        """The number of values of an image: channels x height x width."""
        return math.prod(self.image_shape)


def default_widths(arch: str, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """MLP: 512-256. Conv: the first of 16, 32, 64, 64 channels, until the shorter side is 8 px or less."""
    if arch == "mlp":
        return (512, 256)
    halvings = max(1, math.ceil(math.log2(min(image_shape[1:]) / 8)))
    return (16, 32, 64, 64)[:halvings]


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training run. With the same ModelConfig, the same device and threads, it gives the same weights."""

    dataset: str = "mnist"
    epochs: int = 20  # two minutes on two cores for the default model on MNIST
    beta: float = 1.0  # weight of the KL in the loss; 1 is the ELBO, 0 an autoencoder (Higgins et al. 2017)
    lr: float = 3e-3  # peak of the OneCycle schedule; 99.4 nats in 60 s against 103 with a constant 1e-3
    warmup: float = 0.25  # share of the steps in which the rate rises (Smith & Topin 2018); KL warm-up adds nothing to it
    batch_size: int = 128
    seed: int = 0
    precision: str = "auto"  # auto: both are timed at the start of a run, and the faster is recorded
    device: str = "auto"  # auto: EXPLORER_DEVICE, else the first available of cuda, mps, cpu
    limit: int = 0  # use the first N images of each split only; 0: all
    recon_weight: float = 1.0  # weight of the reconstruction loss; 0 trains the KL alone
    kl_variance_weight: float = 1.0  # weight within the KL of (v - log v - 1) / 2, which keeps the variances v near 1
    kl_mean_weight: float = 1.0  # weight within the KL of m^2 / 2, which keeps the means m near 0

    def __post_init__(self):
        _text("dataset", self.dataset)
        _text("device", self.device)
        _whole("epochs", self.epochs, 1, 100_000)
        _whole("batch_size", self.batch_size, 1, 65_536)
        _whole("seed", self.seed, 0, 2**31 - 1)
        _whole("limit", self.limit, 0, 2**31 - 1)
        _real("beta", self.beta, 0, 1e4)
        _real("recon_weight", self.recon_weight, 0, 1e4)
        _real("kl_variance_weight", self.kl_variance_weight, 0, 1e4)
        _real("kl_mean_weight", self.kl_mean_weight, 0, 1e4)
        _real("lr", self.lr, 0, 10, open_low=True)
        _real("warmup", self.warmup, 0, 1)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)


def to_dict(config) -> dict:
    """The config as plain JSON types."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()}


def from_dict(kind: type, values: dict):
    """The inverse of `to_dict`. Raises ConfigError for a missing, unknown or invalid setting."""
    if not isinstance(values, dict):
        raise ConfigError(f"{kind.__name__} must be a table of settings, not {type(values).__name__}.")
    names = {f.name for f in fields(kind)}
    for name in values:
        if name not in names:
            raise unknown(f"setting of {kind.__name__}", name, sorted(names))
    missing = sorted(names - ADDED_SETTINGS - set(values))
    if missing:
        raise ConfigError(f"{kind.__name__} lacks {', '.join(missing)}.")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise ConfigError(f"{kind.__name__} has a setting of the wrong kind ({error}).") from None


def _is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(name: str, value, low: int, high: int) -> None:
    if not _is_int(value) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {value}.")


def _real(name: str, value, low: float, high: float, open_low: bool = False) -> None:
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high  # false for NaN
    if not valid or (open_low and value == low):
        span = f"above {low:g}, at most {high:g}" if open_low else f"from {low:g} to {high:g}"
        raise ConfigError(f"{name} must be a number {span}, not {value}.")


def _text(name: str, value) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be text, not {value!r}.")
