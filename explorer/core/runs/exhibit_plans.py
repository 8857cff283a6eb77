"""The settings of the exhibits' runs, and those whose recorded runs are shipped."""

from explorer.core.runs.exhibit_runs import ExhibitRun

# 24 epochs of three small models on the 1,438 digits take 5 s on an idle core; a fixed precision needs no measurement
TRAIN = {"dataset": "digits", "epochs": 24, "batch_size": 32, "device": "cpu", "precision": "fp32"}
MODEL = {"arch": "mlp", "widths": (128, 64)}
# 4,000 images of MNIST take 10 s
MNIST = {"dataset": "mnist", "epochs": 10, "batch_size": 64, "limit": 4000}
LOSS_TERMS = {"kl-only": {"recon_weight": 0.0}, "recon-only": {"beta": 0.0}, "both": {}}


def loss_terms(
    latent_dim: int = 2, beta: float = 1.0, keep_radius: bool = True, pull_home: bool = True, dataset: str = "digits"
) -> ExhibitRun:
    """KL only, reconstruction only, and both. `keep_radius`, `pull_home`: whether the KL has the half on v, and that on m.

    dataset: "digits" or "mnist".
    """
    halves = {"kl_variance_weight": float(keep_radius), "kl_mean_weight": float(pull_home)}
    train = TRAIN | {"beta": float(beta)} | {name: weight for name, weight in halves.items() if weight != 1}
    model = MODEL | {"latent_dim": latent_dim}
    if dataset == "mnist":
        train, model = train | MNIST, model | {"widths": (256, 64)}
    return ExhibitRun("loss-terms", model, train, LOSS_TERMS)


def autoencoders(latent_dim: int = 8, beta: float = 2.0) -> ExhibitRun:
    """Autoencoder (reconstruction only), VAE, and the VAE with another weight of the KL."""
    betas = {"autoencoder": 0.0, "vae": 1.0, "beta-vae": float(beta)}
    return ExhibitRun(
        "autoencoders", MODEL | {"latent_dim": latent_dim}, TRAIN, {name: {"beta": value} for name, value in betas.items()}
    )


RECORDED = (
    loss_terms(),
    loss_terms(keep_radius=False),
    loss_terms(pull_home=False),
    loss_terms(beta=4),
    autoencoders(),
    autoencoders(beta=4.0),
)
