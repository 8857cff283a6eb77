"""The bound and its parts, in nats per image: against torch.distributions, Monte Carlo, and models solved exactly."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from explorer.core.config import LIKELIHOODS, ModelConfig
from explorer.core.vae.likelihood import LOG_2PI, log_prob
from explorer.core.vae.model import VAE
from explorer.core.vae.objective import Terms, iwae, kl_per_dim, terms

pytestmark = pytest.mark.usefixtures("one_thread")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build(latent_dim=2, likelihood="bernoulli", seed=0) -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(ModelConfig((1, 8, 8), latent_dim, "mlp", likelihood, widths=(16,)))


def some_images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=rng(1))


class LinearGaussian:
    """z ~ N(0, I), x = W z + noise of scale s: log p(x) and p(z|x) are known exactly. x is (N, 1, 1, P)."""

    def __init__(self, weights, s, offset=0.0, widen=0.0):
        self.weights, self.s, self.offset, self.widen = torch.tensor(weights, dtype=torch.float64), s, offset, widen
        n_pixels, latent_dim = self.weights.shape
        self.marginal = MultivariateNormal(
            torch.zeros(n_pixels).double(), self.weights @ self.weights.T + s**2 * torch.eye(n_pixels).double()
        )
        precision = torch.eye(latent_dim).double() + self.weights.T @ self.weights / s**2
        self.covariance = torch.linalg.inv(precision)

    def posterior_mean(self, x):
        return x.flatten(1) @ self.weights @ self.covariance / self.s**2

    def encode(self, x):
        """The posterior, if its covariance is diagonal; shifted and widened to make the bound loose."""
        mean = self.posterior_mean(x)
        return mean + self.offset, self.covariance.diagonal().log().expand_as(mean) + self.widen

    def recon_loss(self, z, x):
        return -Normal(z @ self.weights.T, self.s).log_prob(x.flatten(1)).sum(1)

    def log_p(self, x):
        return self.marginal.log_prob(x.flatten(1))

    def elbo(self, x):
        """log p(x) - KL(q || p(z|x)), exactly."""
        mu, logvar = self.encode(x)
        q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
        return self.log_p(x) - kl_divergence(q, MultivariateNormal(self.posterior_mean(x), self.covariance))


X = torch.tensor([[0.3, -1.0], [2.0, 0.5], [0.0, 0.0]], dtype=torch.float64).view(3, 1, 1, 2)
ONE_D = [[0.8], [-0.5]]
TWO_D = [[0.9, 0.0], [0.0, -0.6]]  # orthogonal columns: a diagonal posterior


def test_kl_is_torchs():
    mu, logvar = torch.randn(50, 7, generator=rng(0)) * 3, torch.randn(50, 7, generator=rng(1)) * 2
    expected = kl_divergence(Normal(mu.double(), (logvar.double() / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_dim(mu.double(), logvar.double()), expected)
    torch.testing.assert_close(kl_per_dim(mu, logvar).double(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(kl_per_dim(torch.zeros(1, 3), torch.zeros(1, 3)), torch.zeros(1, 3))


@pytest.mark.parametrize("mu, logvar", [(0.0, 0.0), (1.0, 0.0), (-2.0, 1.5), (0.3, -3.0), (4.0, -6.0)])
def test_kl_is_what_monte_carlo_says(mu, logvar):
    n = 100_000
    q, p = Normal(mu, math.exp(logvar / 2)), Normal(0.0, 1.0)
    z = mu + math.exp(logvar / 2) * torch.randn(n, generator=rng(), dtype=torch.float64)
    ratio = q.log_prob(z) - p.log_prob(z)
    exact = kl_per_dim(torch.tensor([[mu]]).double(), torch.tensor([[logvar]]).double()).item()
    assert abs(ratio.mean().item() - exact) <= 4.5 * ratio.std().item() / math.sqrt(n) + 1e-12


def test_terms_are_one_pass_with_one_z_per_image():
    model, x = build(), some_images(6)
    made = terms(model, x, rng(3))
    mu, logvar = model.encode(x)
    z = mu + torch.exp(logvar / 2) * torch.randn(6, 2, generator=rng(3))
    torch.testing.assert_close(made.recon_loss, model.recon_loss(z, x))
    torch.testing.assert_close(made.kl_per_dim, kl_per_dim(mu, logvar))
    assert made.recon_loss.shape == (6,) and made.kl_per_dim.shape == (6, 2)


def test_kl_is_positive_and_the_signs_are_the_designs():
    made = terms(build(), some_images(6), rng())
    assert (made.kl >= 0).all() and (made.kl_per_dim >= -1e-6).all()
    torch.testing.assert_close(made.kl, made.kl_per_dim.sum(1))
    torch.testing.assert_close(made.elbo, -(made.recon_loss + made.kl))
    torch.testing.assert_close(made.loss(), -made.elbo.mean())


def test_beta_weighs_the_loss_and_leaves_the_elbo_alone():
    made = Terms(torch.tensor([10.0, 20.0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert made.elbo.tolist() == [-13, -27]
    assert [made.loss(beta).item() for beta in (0, 1, 4)] == [15, 20, 35]
    assert made.elbo.tolist() == [-13, -27]


def test_the_halves_of_the_kl_have_weights_of_their_own():
    model, x = build(), some_images(6)
    mu, logvar = model.encode(x)
    made = Terms(model.recon_loss(mu, x), kl_per_dim(mu, logvar), 0.5 * mu**2)
    on_variance, on_mean = 0.5 * (logvar.exp() - logvar - 1).sum(1), 0.5 * (mu**2).sum(1)
    for weights in ((1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 3.0)):
        expected = (made.recon_loss + 2 * (weights[0] * on_variance + weights[1] * on_mean)).mean()
        torch.testing.assert_close(made.loss(2.0, 1.0, *weights), expected)


def test_nothing_is_averaged_over_pixels():
    """The loss is a sum over pixels, not a mean: with a mean, beta would depend on the image size."""
    model, x = build(), some_images(3)
    logits = model.decode_logits(torch.zeros(3, 2))
    per_pixel = torch.nn.functional.binary_cross_entropy_with_logits(logits, x)
    torch.testing.assert_close(model.recon_loss(torch.zeros(3, 2), x).mean(), per_pixel * 64)


@pytest.mark.parametrize("batch_size", [3, 4, 7, 10])
def test_sums_over_a_short_last_batch_give_the_sets_exact_mean(batch_size):
    model, x = build(), some_images(10)
    mu, logvar = model.encode(x)
    recon_loss = model.recon_loss(mu, x)
    whole = Terms(recon_loss, kl_per_dim(mu, logvar))
    parts = [Terms(*part) for part in zip(recon_loss.split(batch_size), whole.kl_per_dim.split(batch_size))]
    torch.testing.assert_close(sum(part.elbo.sum() for part in parts) / 10, whole.elbo.mean())
    weighted = sum(part.loss(2.0) * len(part.recon_loss) for part in parts) / 10
    torch.testing.assert_close(weighted, whole.loss(2.0))
    if 10 % batch_size:
        naive = torch.stack([part.loss(2.0) for part in parts]).mean()
        assert (naive - whole.loss(2.0)).abs() > 1e-6  # the mean of batch means differs


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_gradient_of_the_loss_is_finite_for_every_likelihood(name):
    model = build(likelihood=name)
    terms(model, some_images(4).round(), rng()).loss(4.0).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("weights, s", [(ONE_D, 0.4), (TWO_D, 0.7)])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_iwae_is_exact_where_q_is_the_posterior(weights, s, k):
    """All importance weights are then p(x), so one draw is enough."""
    model = LinearGaussian(weights, s)
    torch.testing.assert_close(iwae(model, X, k, rng()), model.log_p(X))


@pytest.mark.parametrize("weights, s", [(ONE_D, 0.4), (TWO_D, 0.7)])
def test_iwae_rises_from_the_elbo_to_log_p(weights, s):
    model, n = LinearGaussian(weights, s, offset=0.3, widen=0.8), 4000
    x = X.repeat(n, 1, 1, 1)
    draws = {k: iwae(model, x, k, rng(k)).view(n, 3).mean(1) for k in (1, 4, 16, 256)}
    mean = {k: d.mean().item() for k, d in draws.items()}
    error = {k: d.std().item() / math.sqrt(n) for k, d in draws.items()}
    elbo, log_p = model.elbo(X).mean().item(), model.log_p(X).mean().item()
    assert elbo < log_p - 0.1
    assert abs(mean[1] - elbo) < 4.5 * error[1]
    assert mean[1] < mean[4] < mean[16] < mean[256] < log_p + 4.5 * error[256]
    assert log_p - mean[256] < 0.01


def test_elbo_is_the_closed_form_of_the_linear_model():
    model, n = LinearGaussian(TWO_D, 0.7, offset=-0.2, widen=-0.5), 20_000
    drawn = terms(model, X.repeat(n, 1, 1, 1), rng()).elbo.view(n, 3)
    error = drawn.std(0) / math.sqrt(n)
    assert ((drawn.mean(0) - model.elbo(X)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_iwae_finds_the_integral_over_a_grid(latent_dim, name):
    """log p(x) of a real network by brute force: p(x|z) p(z) summed over a grid of z."""
    model, x = build(latent_dim, name), some_images(2)
    side = torch.linspace(-7, 7, 281)
    grid = torch.cartesian_prod(*[side] * latent_dim).view(-1, latent_dim)
    with torch.no_grad():
        log_prior = -0.5 * (grid**2 + LOG_2PI).sum(1) + latent_dim * math.log(14 / 280)
        log_p = [torch.logsumexp(log_prior - model.recon_loss(grid, one.expand(len(grid), 1, 8, 8)), 0) for one in x]
        found = iwae(model, x, 20_000, rng(), max_points=4000)
    torch.testing.assert_close(found, torch.stack(log_p), rtol=0, atol=0.05)


def test_k_1_is_the_elbo_on_average_for_a_real_network():
    model, n = build(), 3000
    x = some_images(1).expand(n, 1, 8, 8)
    with torch.no_grad():
        one, elbo = iwae(model, x, 1, rng(1)), terms(model, x, rng(2)).elbo
    error = math.sqrt((one.var() + elbo.var()).item() / n)
    assert abs((one.mean() - elbo.mean()).item()) < 4.5 * error


@pytest.mark.parametrize("at_once", [1, 6, 10, 2000])
def test_iwae_decodes_in_pieces_and_mixes_no_images_up(at_once):
    model, n_decoded = LinearGaussian(TWO_D, 0.7), []
    exact = model.recon_loss
    model.recon_loss = lambda z, x: n_decoded.append(len(z)) or exact(z, x)
    torch.testing.assert_close(iwae(model, X, 7, rng(), at_once), model.log_p(X))
    assert sum(n_decoded) == 7 * 3 and max(n_decoded) <= max(3, at_once)


def test_chance_is_the_generator():
    model, x = build(), some_images(3)
    before = torch.random.get_rng_state()
    for function in (lambda g: terms(model, x, g).elbo, lambda g: iwae(model, x, 5, g)):
        assert torch.equal(function(rng(1)), function(rng(1)))
        assert not torch.equal(function(rng(1)), function(rng(2)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_grey_levels_have_a_floor_that_no_model_can_undercut():
    """The entropy of the targets: cross-entropy on grey levels is a loss, not a likelihood."""
    x = some_images(5).double()
    floor = -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).flatten(1).sum(1)
    best = -log_prob("bernoulli", torch.logit(x), x).flatten(1).sum(1)
    torch.testing.assert_close(best, floor)
    assert (build().recon_loss(torch.zeros(5, 2), x.float()) > floor).all()
