"""Command line options of `python -m explorer.train`: names, types and help. ModelConfig and TrainConfig check the values."""

import argparse

from explorer.core.config import ARCHS, LIKELIHOODS, PRECISIONS, ModelConfig, TrainConfig
from explorer.core.errors import ConfigError, unknown
from explorer.core.runs.twins import SETTINGS

# The options that are fields of ModelConfig and of TrainConfig
MODEL = ("latent_dim", "arch", "likelihood", "widths", "hidden")
WEIGHTS = ("recon_weight", "kl_variance_weight", "kl_mean_weight")
RUN = ("dataset", "epochs", "beta", *WEIGHTS, "lr", "batch_size", "seed", "device", "precision", "limit")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Raises ConfigError, where argparse would print its usage and exit."""
        raise ConfigError(f"{message[0].upper()}{message[1:]}.", "See --help.")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parses the command line. A setting that is not given is None. Raises ConfigError."""
    args, rest = parser().parse_known_args(argv)
    if rest and not rest[0].startswith("-"):
        raise ConfigError(f"'{rest[0]}' is not the value of an option.", f"Did you mean --dataset {rest[0]}? See --help.")
    if rest:
        raise unknown("option", rest[0], ["--" + name.replace("_", "-") for name in vars(args)])
    return args


def parser() -> argparse.ArgumentParser:
    """The argument parser with all options."""
    parser = _Parser(prog="python -m explorer.train", description="Train a VAE and save it as a bundle.")
    default = vars(ModelConfig()) | vars(TrainConfig())

    def add(name: str, type_, help: str, **more) -> None:
        """Adds a setting whose default is None, because its real default is the config's."""
        suffix = f" (default: {default[name]})" if default.get(name) and name != "widths" else ""
        parser.add_argument("--" + name.replace("_", "-"), type=type_, help=help + suffix, **more)

    add("dataset", str, "mnist, fashion-mnist, kmnist, digits, sprites or folder:PATH")
    add("name", str, "name of the bundle (default: the data set's name and the latent dimension)")
    add("latent_dim", _whole, "dimensions of z", metavar="D")
    add("arch", str, " or ".join(ARCHS))
    add("widths", _widths, "channels or hidden units, for example 32,64 (default: chosen from the size)")
    add("hidden", _whole, "units between the feature map and the latent; conv only", metavar="UNITS")
    add("likelihood", str, ", ".join(LIKELIHOODS))
    add("size", _whole, "side in px that images of a folder are resized to (default: chosen from them)", metavar="PX")
    add("beta", _real, "weight of the KL; 1 is the ELBO")
    add("recon_weight", _real, "weight of the reconstruction loss; 0 trains the KL alone", metavar="WEIGHT")
    add("kl_variance_weight", _real, "weight within the KL of (v - log v - 1) / 2, v = sigma^2", metavar="WEIGHT")
    add("kl_mean_weight", _real, "weight within the KL of mu^2 / 2", metavar="WEIGHT")
    add("epochs", _whole, "passes over the training images", metavar="N")
    add("lr", _real, "peak of the one-cycle learning rate")
    add("batch_size", _whole, "images per step", metavar="N")
    add("seed", _whole, "seed of the weights, the order of the images and all random draws (default: 0)")
    add("device", str, "cpu, cuda, mps, or auto: EXPLORER_DEVICE, else the fastest available")
    add("precision", str, f"{', '.join(PRECISIONS)}; auto measures which is faster")
    add("limit", _whole, "train and test on the first N images only (default: all)", metavar="N")
    twins_help = f"two or three models trained side by side that differ in {', '.join(SETTINGS)}, for example beta 0 1 4"
    parser.add_argument("--twins", nargs="+", metavar=("SETTING", "VALUE"), help=twins_help)
    parser.add_argument("--no-map", action="store_true", help="compute no UMAP; the map is PCA")
    parser.add_argument("--no-thumbs", action="store_true", help="save no thumbnails of the test images in the bundle")
    parser.add_argument("--replace", action="store_true", help="replace a bundle or a stopped run of the same name")
    parser.add_argument("--json", action="store_true", help="print one JSON line per report and nothing else")
    parser.add_argument("--resume", metavar="NAME", help="resume a stopped run with its original settings")
    parser.add_argument("--list", action="store_true", help="list the bundles and the unfinished runs")
    return parser


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of whole numbers such as 32,64") from None


def given(args: argparse.Namespace, names: tuple[str, ...]) -> dict:
    """Those of the settings `names` that were given on the command line."""
    return {name: value for name in names if (value := getattr(args, name)) is not None}
