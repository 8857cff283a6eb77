"""The VAE at every supported size: shapes, valid images for any input, no randomness besides the generator."""

import math
from dataclasses import replace

import pytest
import torch

from explorer.core.config import ARCHS, LIKELIHOODS, ModelConfig
from explorer.core.vae import likelihood
from explorer.core.vae.model import LOG_SCALE_LIMIT, LOGVAR_LIMIT, VAE, reparameterize

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = [(8, 8), (9, 9), (17, 17), (28, 28), (33, 20), (20, 33), (64, 64), (128, 128)]


def build(arch="conv", channels=1, size=(8, 8), latent_dim=3, seed=0, **settings) -> VAE:
    if arch == "mlp":
        settings.setdefault("widths", (24, 12))  # the default would be 25 million weights at 128 px
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(ModelConfig((channels, *size), latent_dim, arch, **settings))


def images(model: VAE, n: int = 2) -> torch.Tensor:
    return torch.rand(n, *model.config.image_shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("arch", ARCHS)
def test_every_size_goes_in_and_comes_out(arch, channels, size):
    for latent_dim in (1, 2, 128):
        model = build(arch, channels, size, latent_dim)
        x = images(model)
        mu, logvar = model.encode(x)
        assert mu.shape == logvar.shape == (2, latent_dim)
        for name in LIKELIHOODS:  # the network is the same; only the meaning of its output differs
            model.config = replace(model.config, likelihood=name)
            recon_x, recon_loss = model.decode(mu), model.recon_loss(mu, x)
            assert recon_x.shape == x.shape and recon_x.dtype == torch.float32
            assert 0 <= recon_x.min() and recon_x.max() <= 1
            assert recon_loss.shape == (2,) and torch.isfinite(recon_loss).all()


@pytest.mark.parametrize("arch", ARCHS)
def test_the_default_networks_build_at_the_default_size(arch):
    model = VAE(ModelConfig(arch=arch))
    assert model.decode(torch.zeros(1, 16)).shape == (1, 1, 28, 28)
    assert sum(p.numel() for p in model.parameters()) < 1_100_000


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_train_and_eval_mode_answer_alike(arch, name):
    model = build(arch, likelihood=name)
    x, answers = images(model), []
    for mode in (True, False, True):
        model.train(mode)
        mu, logvar = model.encode(x)
        answers.append([mu, logvar, model.decode(mu), model.recon_loss(mu, x)])
    for other in answers[1:]:
        assert all(torch.equal(a, b) for a, b in zip(answers[0], other))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_extreme_images_and_points_stay_finite(arch, name):
    model = build(arch, 3, (9, 12), likelihood=name)
    for level in (0.0, 1.0):
        x = torch.full((2, 3, 9, 12), level)
        mu, logvar = model.encode(x)
        assert torch.isfinite(mu).all() and torch.isfinite(logvar).all()
        for far in (0.0, 1e2, -1e4, 1e6):
            z = torch.full((2, 3), far, requires_grad=True)
            loss = model.recon_loss(z, x)
            loss.sum().backward()
            assert torch.isfinite(loss).all() and torch.isfinite(z.grad).all()
            assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())
            recon_x = model.decode(z)
            assert 0 <= recon_x.min() and recon_x.max() <= 1


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("bias", [1e30, -1e30])
def test_logvar_is_kept_from_overflow(arch, bias):
    model = build(arch)
    with torch.no_grad():
        model.encoder[-1].bias[3:] = bias
    mu, logvar = model.encode(images(model))
    assert (logvar == math.copysign(LOGVAR_LIMIT, bias)).all()
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    assert torch.isfinite(z).all() and torch.isfinite(logvar.exp()).all()
    assert torch.isfinite(logvar.bfloat16().exp()).all()


def test_logvar_is_not_touched_where_it_is_sane():
    model = build()
    x = images(model)
    raw = model.encoder(x)
    mu, logvar = model.encode(x)
    assert torch.equal(torch.cat([mu, logvar], 1), raw)


def test_a_draw_has_the_mean_and_variance_of_q():
    n = 200_000
    mu, logvar = torch.tensor([[0.0, -3.0, 5.0]]), torch.tensor([[0.0, 2.0, -4.0]])
    z = reparameterize(mu.expand(n, 3), logvar.expand(n, 3), torch.Generator().manual_seed(0)).double()
    sigma = torch.exp(0.5 * logvar[0].double())
    assert ((z.mean(0) - mu[0]) / (sigma / math.sqrt(n))).abs().max() < 4.5
    assert ((z.var(0) / sigma**2 - 1) / math.sqrt(2 / n)).abs().max() < 4.5


def test_chance_is_the_generator_and_nothing_else():
    mu, logvar = torch.zeros(4, 3), torch.zeros(4, 3)
    before = torch.random.get_rng_state()
    first, again = (reparameterize(mu, logvar, torch.Generator().manual_seed(7)) for _ in range(2))
    other = reparameterize(mu, logvar, torch.Generator().manual_seed(8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())
    generator = torch.Generator().manual_seed(7)
    assert not torch.equal(reparameterize(mu, logvar, generator), reparameterize(mu, logvar, generator))


def test_the_gradient_goes_through_the_draw():
    mu, logvar = torch.zeros(1000, 1, requires_grad=True), torch.zeros(1000, 1, requires_grad=True)
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    z.sum().backward()
    assert (mu.grad == 1).all()
    torch.testing.assert_close(logvar.grad, 0.5 * z.detach())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_recon_loss_is_the_sum_over_pixels_and_channels(name):
    model = build("conv", 3, (9, 8), likelihood=name)
    x, z = images(model, 4), torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    expected = [-likelihood.log_prob(name, model.decode_logits(z[i : i + 1]), x[i : i + 1]).sum() for i in range(4)]
    torch.testing.assert_close(model.recon_loss(z, x), torch.stack(expected))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_only_the_learned_variance_is_learned(name):
    model = build(likelihood=name)
    assert model.log_scale.requires_grad == (name == "gaussian-learned")
    assert "log_scale" in model.state_dict()  # every bundle has the same tensors
    model.recon_loss(torch.zeros(2, 3), images(model)).sum().backward()
    assert (model.log_scale.grad is not None) == (name == "gaussian-learned")


def test_the_learned_variance_cannot_collapse():
    model = build(likelihood="gaussian-learned")
    with torch.no_grad():
        model.log_scale.fill_(-1000.0)
    x, z = images(model), torch.zeros(2, 3)
    floor = likelihood.log_prob("gaussian-learned", model.decode_logits(z), x, -LOG_SCALE_LIMIT)
    torch.testing.assert_close(model.recon_loss(z, x), -floor.flatten(1).sum(1))


@pytest.mark.parametrize("arch", ARCHS)
def test_every_weight_learns(arch):
    model = build(arch, 3, (17, 9), likelihood="gaussian-learned")
    x = images(model, 8)
    mu, logvar = model.encode(x)
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    (model.recon_loss(z, x).sum() + (mu**2 + logvar**2).sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("arch", ARCHS)
def test_images_do_not_influence_each_other(arch):
    model = build(arch, 1, (9, 9)).double()
    x = images(model, 5).double()
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()
    for i in range(5):
        torch.testing.assert_close(model.encode(x)[0][i], model.encode(x[i : i + 1])[0][0])
        torch.testing.assert_close(model.decode(z)[i], model.decode(z[i : i + 1])[0])


def test_widths_are_the_networks_own():
    model = build("conv", size=(16, 16), widths=(5, 7), hidden=11)
    assert [m.out_channels for m in model.encoder if isinstance(m, torch.nn.Conv2d)] == [5, 7]
    assert model.encoder[-1].in_features == model.decoder[0].out_features == 11
    model = build("mlp", widths=(30, 20))
    assert [m.out_features for m in model.encoder if isinstance(m, torch.nn.Linear)] == [30, 20, 6]
    assert [m.out_features for m in model.decoder if isinstance(m, torch.nn.Linear)] == [20, 30, 64]


def test_the_callers_config_is_not_reversed_in_place():
    config = ModelConfig((1, 16, 16), 2, widths=(5, 7))
    VAE(config)
    assert config.widths == (5, 7)


def test_convolutions_are_laid_out_for_speed():
    weight = build("conv", size=(32, 32)).encoder[2].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("arch", ["conv", "mlp"])
def test_train_and_eval_mode_give_the_same_results(arch):
    model = VAE(ModelConfig((1, 8, 8), 3, arch, widths=(4,), hidden=6))
    z, x = torch.randn(5, 3), torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        results = [(model.train(mode).decode(z), *model.encode(x)) for mode in (True, False)]
    assert all(torch.equal(a, b) for a, b in zip(*results))
