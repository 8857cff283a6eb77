"""Training: what it reports, that it learns, that its randomness is its own, and that it fails in good order."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer.core.config import ARCHS, LIKELIHOODS, ModelConfig
from explorer.core.errors import ConfigError, TrainingError
from explorer.core.training import loop
from explorer.core.training.loop import fit
from explorer.core.training.schedule import one_cycle
from explorer.core.vae import encoding, objective
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE
from tests.unit.core.training.small_runs import TEST, TRAIN, bumps, finish, same, small, weights, without_seconds

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- reports


def test_the_untrained_model_is_reported_first():
    state = small()
    untrained = weights(state)
    first = next(fit(state, TRAIN, TEST))
    assert same(untrained, weights(state))
    assert first.is_epoch and first.epoch == first.step == 0 and first.train is None and first.images_per_second == 0
    assert first.lr == pytest.approx(1e-2 / 25)
    encoding = encode_images(state.model, TEST, seed=0)
    assert first.test.elbo == pytest.approx(encoding.elbo.mean(), rel=1e-6)
    assert first.test.kl_per_dim == pytest.approx(encoding.kl_per_dim.mean(0), rel=1e-6)
    assert first.active_units == encoding.active_units


def test_reports_count_epochs_steps_and_seconds(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_STEPS", 2)
    reports = finish(small())
    assert [(r.epoch, r.step, r.is_epoch) for r in reports] == [
        (0, 0, True),
        (0, 2, False),
        (0, 3, False),
        (1, 3, True),
        (1, 5, False),
        (1, 6, False),
        (2, 6, True),
    ]
    assert all(r.beta == 1 for r in reports)
    assert all(a.seconds <= b.seconds for a, b in zip(reports, reports[1:]))
    assert all(r.images_per_second > 0 for r in reports[1:])
    assert all(r.snapshot is None and r.active_units is None for r in reports if not r.is_epoch)


def test_test_terms_are_those_of_the_model_at_the_epochs_end():
    state = small(beta=3.0)
    for report in fit(state, TRAIN, TEST):
        if report.is_epoch:
            encoding = encode_images(state.model, TEST, seed=0)
            assert report.test.elbo == pytest.approx(encoding.elbo.mean(), rel=1e-6)
            assert report.test.elbo == pytest.approx(-(report.test.recon_loss + report.test.kl))
            assert report.beta == 3


def test_train_terms_are_the_sums_over_the_epochs_own_batches(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_STEPS", 2)
    batches, real = [], objective.terms
    monkeypatch.setattr(objective, "terms", lambda *args: batches.append(real(*args)) or batches[-1])

    def mean_over_images(terms):
        recon_loss, kl = torch.cat([t.recon_loss for t in terms]), torch.cat([t.kl_per_dim for t in terms])
        return [recon_loss.mean().item(), *kl.mean(0).tolist()]

    def as_list(losses):
        return [losses.recon_loss, *losses.kl_per_dim]

    for report in fit(small(epochs=2), TRAIN, TEST):
        if report.train is None:
            continue
        if report.is_epoch:
            assert [len(t.recon_loss) for t in batches] == [32, 32, 6]  # no extra pass
            assert as_list(report.train) == pytest.approx(mean_over_images(batches), rel=1e-5)
            naive = np.mean([t.recon_loss.mean().item() for t in batches])
            assert abs(naive - report.train.recon_loss) > 1e-3  # a mean of batch means would be wrong
            batches.clear()
        else:
            window = batches[:2] if report.step % 3 == 2 else batches[2:]
            assert as_list(report.train) == pytest.approx(mean_over_images(window), rel=1e-5)


def test_every_image_is_seen_once_an_epoch_in_another_order(monkeypatch):
    seen, real = [], encoding.to_float
    monkeypatch.setattr(loop, "to_float", lambda images, device: seen.append(images.clone()) or real(images, device))
    finish(small(epochs=2))
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    for epoch in (first, second):
        rows = sorted(image.numpy().tobytes() for image in epoch)
        assert rows == sorted(image.tobytes() for image in TRAIN)
    assert not torch.equal(first, second)


def test_snapshots_show_the_same_images_and_prior_draws_at_every_epoch():
    state = small(epochs=3)
    shown = []
    for report in fit(state, TRAIN, TEST):
        if report.is_epoch:
            s = report.snapshot
            assert np.array_equal(s.originals, TEST) and s.means.shape == (25, 2) and s.samples.shape == (32, 1, 8, 8)
            assert s.reconstructions.dtype == s.samples.dtype == np.uint8 and s.reconstructions.shape == TEST.shape
            with torch.inference_mode():
                expected = state.model.decode(torch.from_numpy(encode_images(state.model, TEST, 0).mu)).mul(255).round()
            assert np.abs(s.reconstructions - expected.numpy()).max() <= 1  # decoded from means, never from draws
            shown.append(s)
    assert not np.array_equal(shown[0].samples, shown[-1].samples)


def test_a_long_test_set_is_shown_in_part(monkeypatch):
    monkeypatch.setattr(loop, "N_MEANS", 20)
    test = bumps(40, 3)
    snapshot = next(fit(small(), TRAIN, test)).snapshot
    assert len(snapshot.means) == 20
    assert np.array_equal(snapshot.originals, test[:32]) and len(snapshot.reconstructions) == 32


def test_the_history_is_what_was_reported_and_plain_json():
    state = small(epochs=3)
    reports = [r for r in fit(state, TRAIN, TEST) if r.is_epoch]
    assert [row["epoch"] for row in state.history] == [0, 1, 2, 3]
    assert state.history[0]["train"] is None
    for row, report in zip(state.history, reports):
        assert row["test"]["elbo"] == report.test.elbo and row["active_units"] == report.active_units
        assert report.train is None or row["train"]["recon_loss"] == report.train.recon_loss
    assert json.loads(json.dumps(state.history, allow_nan=False)) == state.history


# ---- learning


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_it_learns(arch, likelihood):
    state = small(arch, likelihood, epochs=8)
    reports = [r for r in fit(state, bumps(256, 1), TEST) if r.is_epoch]
    assert reports[-1].test.elbo > reports[0].test.elbo + 1
    assert reports[-1].train.elbo > reports[1].train.elbo
    assert (state.model.log_scale.item() != 0) == (likelihood == "gaussian-learned")
    if likelihood == "gaussian-learned":
        assert state.model.log_scale.item() < -0.05  # the pixels' errors are far under 1


def test_it_learns_what_there_is_to_learn():
    state = small(epochs=60)
    reports = finish(state, bumps(256, 1), TEST)
    assert reports[-1].active_units == 2
    means = reports[-1].snapshot.reconstructions.astype(float)
    untrained = reports[0].snapshot.reconstructions.astype(float)
    assert np.abs(means - TEST).mean() < 0.35 * np.abs(untrained - TEST).mean()


def test_a_large_beta_empties_the_latent():
    reports = finish(small(beta=1000.0, epochs=4), bumps(256, 1))
    assert reports[-1].test.kl < 0.05 and reports[-1].active_units == 0


def test_bf16_trains_and_leaves_the_weights_in_float32():
    state = small("mlp", epochs=6, precision="bf16")
    reports = [r for r in finish(state, bumps(256, 1)) if r.is_epoch]
    assert state.precision == "bf16" and reports[-1].test.elbo > reports[0].test.elbo + 1
    assert {v.dtype for v in state.model.state_dict().values()} == {torch.float32}
    single = small("mlp", epochs=6, precision="fp32")
    finish(single, bumps(256, 1))
    assert not same(weights(single), weights(state)), "the products are coarser"


def test_the_rate_is_applied_at_every_step(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_STEPS", 1)
    state, rates = small(epochs=4), []
    for report in fit(state, TRAIN, TEST):
        if not report.is_epoch:
            assert report.lr == state.optimizer.param_groups[0]["lr"]
            rates.append(report.lr)
    assert rates == pytest.approx([1e-2 * one_cycle(i / 11, 0.25) for i in range(12)])


# ---- chance


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    runs = []
    for seed in (3, 3, 4):
        state = small(seed=seed)
        began = weights(state)
        finish(state)
        runs.append((began, weights(state), without_seconds(state.history)))
    assert same(runs[0][0], runs[1][0]) and same(runs[0][1], runs[1][1]) and runs[0][2] == runs[1][2]
    assert not same(runs[0][0], runs[2][0]) and not same(runs[0][1], runs[2][1])


def test_the_seed_of_the_weights_is_torchs():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = VAE(ModelConfig((1, 8, 8), 2, "conv", "bernoulli", (8,), 16)).state_dict()
    assert same(weights(small(seed=5)), expected)


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_a_run_leaves_the_global_generators_alone(precision):
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    finish(small(precision=precision))
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])


def test_the_global_generators_leave_a_run_alone():
    a, b = small(), small()
    finish(a)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        for _ in fit(b, TRAIN, TEST):
            torch.rand(3)
    assert same(weights(a), weights(b))


# ---- going wrong


def absurd(state, lr: float = 1e30) -> None:
    """A learning rate that no TrainConfig lets through."""
    config = replace(state.config)
    object.__setattr__(config, "lr", lr)
    state.config = config


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("arch", ARCHS)
def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(arch, likelihood):
    state = small(arch, likelihood, epochs=5)
    with pytest.raises(TrainingError) as caught:
        for report in fit(state, TRAIN, TEST):
            if report.is_epoch and report.epoch == 1:
                absurd(state)
                good = weights(state)
                break
        finish(state)
    assert "in epoch 2 (learning rate" in caught.value.message and "the weights of epoch 1 are kept" in caught.value.message
    assert "a lower learning rate" in caught.value.hint
    assert same(good, weights(state)) and all(torch.isfinite(v).all() for v in good.values())
    assert state.epoch == 1 and state.step == 3 and [row["epoch"] for row in state.history] == [0, 1]
    assert state.checkpoint()[1]["epoch"] == 1


@pytest.mark.parametrize("batch_size", [32, 70])
def test_weights_broken_by_an_epochs_last_step_are_never_the_last_good_ones(batch_size):
    """One batch an epoch: its loss is fine, its step breaks the weights, and only the test images meet them."""
    state = small(batch_size=batch_size)
    absurd(state)
    untrained = weights(state)
    with pytest.raises(TrainingError, match="in epoch 1 .* the weights of epoch 0 are kept"):
        finish(state)
    assert same(untrained, weights(state)) and len(state.history) == 1 and state.epoch == state.step == 0
    assert json.dumps(state.checkpoint()[1], allow_nan=False)


def test_a_run_can_go_on_after_it_went_wrong():
    state, expected = small(), small()
    absurd(state)
    with pytest.raises(TrainingError):
        finish(state)
    state.config = expected.config
    finish(state)
    finish(expected)
    assert same(weights(state), weights(expected))


def test_images_of_another_shape_are_refused():
    for train, test in ((bumps(9, side=9), TEST), (TRAIN, bumps(9, channels=3))):
        with pytest.raises(ConfigError, match=r"The model is for images of shape \(1, 8, 8\), not"):
            next(fit(small(), train, test))


# ---- odd sets


@pytest.mark.parametrize("n, batch_size", [(1, 1), (1, 128), (5, 128), (3, 1), (33, 32)])
def test_sets_of_any_size_train(n, batch_size):
    state = small(batch_size=batch_size, epochs=2)
    reports = finish(state, TRAIN[:n], TEST[:1])
    assert reports[-1].step == 2 * math.ceil(n / batch_size)
    assert math.isfinite(reports[-1].test.elbo) and len(reports[-1].snapshot.originals) == 1


def test_colour_and_odd_sizes_train():
    state = small(image_shape=(3, 9, 9))
    finish(state, bumps(40, 1, 3, 9), bumps(5, 2, 3, 9))
    assert state.epoch == 2


def test_the_callers_arrays_are_untouched_and_may_be_read_only():
    train, test = TRAIN[::-1], TEST.copy()
    train.flags.writeable = test.flags.writeable = False
    state, expected = small(), small()
    finish(state, train, test)
    assert np.array_equal(train, TRAIN[::-1]) and np.array_equal(test, TEST)
    finish(expected, train.copy(), test.copy())
    assert same(weights(state), weights(expected))


def test_a_streamed_set_gives_the_weights_of_a_resident_one(monkeypatch):
    resident, streamed, asked = small(), small(), []
    finish(resident)
    monkeypatch.setattr(loop.devices, "fits", lambda n_bytes, device: asked.append(n_bytes))
    finish(streamed)
    assert asked == [TRAIN.nbytes] and same(weights(resident), weights(streamed))
