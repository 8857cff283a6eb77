"""A run: what it reports, that it learns, that chance is its own, that it resumes bit for bit and stops in good order."""

import copy
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes

from explorer.core.config import ARCHS, LIKELIHOODS, ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, TrainingError
from explorer.core.training import loop, step, throughput
from explorer.core.training.loop import fit
from explorer.core.training.schedule import one_cycle
from explorer.core.training.state import begin, resume
from explorer.core.training.throughput import choose_precision
from explorer.core.vae import encoding, objective
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE

pytestmark = pytest.mark.usefixtures("one_thread")


def bumps(n: int, seed: int = 0, channels: int = 1, side: int = 8) -> np.ndarray:
    """Soft spots of light at random places, uint8 (n, C, side, side): two dimensions explain them."""
    x, y = np.random.default_rng(seed).uniform(1, side - 2, (2, n, 1, 1))
    at = np.arange(side)
    light = np.exp(-((at[None, None] - x) ** 2 + (at[None, :, None] - y) ** 2) / 3)
    return np.repeat(np.rint(255 * light).astype(np.uint8)[:, None], channels, axis=1)


TRAIN, TEST = bumps(70, 1), bumps(25, 2)  # batches of 32: the last has 6


def small(arch="conv", likelihood="bernoulli", image_shape=(1, 8, 8), latent_dim=2, **run):
    run = {"epochs": 2, "batch_size": 32, "precision": "fp32", "device": "cpu", "lr": 1e-2} | run
    return begin(ModelConfig(image_shape, latent_dim, arch, likelihood, (8,), 16), TrainConfig("bumps", **run))


def finish(state, train=TRAIN, test=TEST):
    return list(fit(state, train, test))


def weights(state) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in state.model.state_dict().items()}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def through_a_file(tensors: dict, meta: dict) -> tuple[dict, dict]:
    return load_bytes(save_bytes(tensors)), json.loads(json.dumps(meta, allow_nan=False))


def without_seconds(history: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


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
    monkeypatch.setattr(loop, "EVERY", 2)
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
    monkeypatch.setattr(loop, "EVERY", 2)
    seen, real = [], objective.terms
    monkeypatch.setattr(objective, "terms", lambda *args: seen.append(real(*args)) or seen[-1])

    def mean_over_images(terms):
        recon_loss, kl = torch.cat([t.recon_loss for t in terms]), torch.cat([t.kl_per_dim for t in terms])
        return [recon_loss.mean().item(), *kl.mean(0).tolist()]

    def told(losses):
        return [losses.recon_loss, *losses.kl_per_dim]

    for report in fit(small(epochs=2), TRAIN, TEST):
        if report.train is None:
            continue
        if report.is_epoch:
            assert [len(t.recon_loss) for t in seen] == [32, 32, 6]  # no extra pass
            assert told(report.train) == pytest.approx(mean_over_images(seen), rel=1e-5)
            naive = np.mean([t.recon_loss.mean().item() for t in seen])
            assert abs(naive - report.train.recon_loss) > 1e-3  # a mean of batch means would be wrong
            seen.clear()
        else:
            window = seen[:2] if report.step % 3 == 2 else seen[2:]
            assert told(report.train) == pytest.approx(mean_over_images(window), rel=1e-5)


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


@pytest.mark.parametrize("warmup", [0.25, 0.1])
def test_the_rate_has_the_shape_of_torchs_one_cycle(warmup):
    n = 4000
    with torch.random.fork_rng(devices=[]):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=n, pct_start=warmup)
    theirs = []
    for _ in range(n):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        if len(theirs) < n:
            schedule.step()
    ours = [one_cycle(step / (n - 1), warmup) for step in range(n)]
    np.testing.assert_allclose(ours, theirs, atol=3e-3)  # torch's warm-up is a step shorter
    assert ours[0] == pytest.approx(1 / 25) and ours[-1] == pytest.approx(1 / 25e4)
    assert np.argmax(ours) == pytest.approx(warmup * n, abs=1) and max(ours) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_a_cycle_may_have_one_half_only(warmup):
    shares = [one_cycle(p, warmup) for p in np.linspace(0, 1, 101)[:-1]]
    assert shares == sorted(shares, reverse=warmup == 0) and 0 < min(shares) and max(shares) <= 1
    assert one_cycle(1.0, warmup) == pytest.approx(1 / 25e4)


def test_the_rate_is_applied_at_every_step(monkeypatch):
    monkeypatch.setattr(loop, "EVERY", 1)
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


# ---- precision


def fake_clock(monkeypatch, cost: dict[str, float]) -> list[str]:
    """A machine on which a step takes what `cost` says; returns the list of steps taken."""
    clock, steps, real = [0.0], [], step.train_step

    def timed_step(state, x, eps):
        steps.append(state.precision)
        clock[0] += cost[state.precision]
        return real(state, x, eps)

    monkeypatch.setattr(step, "train_step", timed_step)
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    return steps


@pytest.mark.parametrize("bf16, chosen", [(0.5, "bf16"), (0.89, "bf16"), (0.91, "fp32"), (2.0, "fp32")])
def test_the_faster_precision_is_chosen_by_measurement(monkeypatch, bf16, chosen):
    fake_clock(monkeypatch, {"fp32": 0.010, "bf16": 0.010 * bf16})
    state = small(precision="auto")
    precision, times = choose_precision(state, torch.from_numpy(TRAIN))
    assert precision == chosen and times == pytest.approx({"fp32": 10, "bf16": 10 * bf16})


def test_a_hopeless_precision_is_not_measured_to_the_end(monkeypatch):
    steps = fake_clock(monkeypatch, {"fp32": 0.010, "bf16": 1.0})
    assert choose_precision(small(precision="auto"), torch.from_numpy(TRAIN))[0] == "fp32"
    assert steps.count("fp32") == 12 and steps.count("bf16") == 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_fixed_by_flag_is_not_measured(monkeypatch, precision):
    steps = fake_clock(monkeypatch, {})
    assert choose_precision(small(precision=precision), torch.from_numpy(TRAIN)) == (precision, {})
    assert steps == []


def test_the_probe_touches_nothing_of_the_run():
    state = small(precision="auto")
    untrained, before = weights(state), torch.random.get_rng_state()
    choose_precision(state, torch.from_numpy(TRAIN))
    assert same(untrained, weights(state)) and not state.optimizer.state and state.step == 0
    assert all(p.grad is None for p in state.model.parameters())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("chosen", ["fp32", "bf16"])
def test_a_measured_precision_gives_the_weights_of_the_fixed_one(monkeypatch, chosen):
    other = {"fp32": "bf16", "bf16": "fp32"}[chosen]
    fixed, measured = small("mlp", precision=chosen), small("mlp", precision="auto")
    finish(fixed)
    with monkeypatch.context() as patch:
        fake_clock(patch, {chosen: 0.001, other: 0.002})
        finish(measured)
    assert measured.precision == chosen and same(weights(fixed), weights(measured))
    meta = measured.checkpoint()[1]
    assert meta["precision"] == chosen and meta["precision_ms"] == {chosen: 1, other: 2}


# ---- resuming


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("arch", ARCHS)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(arch, likelihood):
    whole = small(arch, likelihood, epochs=4)
    finish(whole)
    stopped = small(arch, likelihood, epochs=4)
    for report in fit(stopped, TRAIN, TEST):
        if report.epoch == 2 and not report.is_epoch:
            break  # in the middle of the third epoch
    resumed = resume(*through_a_file(*stopped.checkpoint()))
    assert resumed.epoch == 2 and resumed.step == 6 and resumed.stopwatch.seconds > 0
    reports = finish(resumed)
    assert [r.epoch for r in reports if r.is_epoch] == [3, 4]
    assert same(weights(whole), weights(resumed))
    assert without_seconds(whole.history) == without_seconds(resumed.history)
    (a, a_meta), (b, b_meta) = whole.checkpoint(), resumed.checkpoint()
    assert same(a, b), "the moments of the optimizer too"
    assert a_meta["step"] == b_meta["step"] == 12


@pytest.mark.parametrize("epoch", [-1, 0, 1, 3])
def test_it_resumes_from_any_epoch_and_in_its_own_precision(monkeypatch, epoch):
    whole = small("mlp", epochs=4, precision="bf16")
    finish(whole)
    stopped = small("mlp", epochs=4, precision="bf16")
    reports = fit(stopped, TRAIN, TEST)
    while stopped.epoch < epoch:
        next(reports)
    resumed = resume(*through_a_file(*stopped.checkpoint()))
    assert resumed.precision == (None if epoch < 0 else "bf16")
    if epoch >= 0:
        monkeypatch.setattr(loop, "choose_precision", None)  # it was chosen once
    assert [r.epoch for r in finish(resumed) if r.is_epoch] == list(range(epoch + 1, 5))
    assert same(weights(whole), weights(resumed))


def test_a_checkpoint_is_not_moved_by_what_comes_after():
    state = small(epochs=3)
    reports = fit(state, TRAIN, TEST)
    while state.epoch < 1:
        next(reports)
    tensors, meta = state.checkpoint()
    kept, kept_meta = {k: v.clone() for k, v in tensors.items()}, copy.deepcopy(meta)
    next(reports)
    assert state.checkpoint()[0] is tensors, "an epoch that is not over is not in it"
    list(reports)
    assert same(kept, tensors) and kept_meta == meta
    assert not same(kept, state.checkpoint()[0])


def test_a_finished_run_has_nothing_more_to_do():
    state = small()
    finish(state)
    done = weights(state)
    resumed = resume(*state.checkpoint())
    assert finish(resumed) == [] and same(done, weights(resumed))


@pytest.fixture(scope="module")
def saved():
    state = small()
    finish(state)
    return state.checkpoint()


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t, m: m.pop("precision"), "'precision' is missing"),
        (lambda t, m: m.pop("model_config"), "'model_config' is missing"),
        (lambda t, m: m.update(epoch="two"), "invalid literal"),
        (lambda t, m: m.update(precision="fp8"), "precision 'fp8' is unknown"),
        (lambda t, m: m.update(precision=None), "precision None is unknown"),
        (lambda t, m: m["config"].update(lr=-1), "lr must be a number above 0"),
        (lambda t, m: m["model_config"].update(latent_dim=3), "size mismatch|invalid for input"),
        (lambda t, m: m.update(config=[]), "TrainConfig must be a table"),
        (lambda t, m: t.pop("model.encoder.0.weight"), "encoder.0.weight"),
        (lambda t, m: t.update({"model.extra": torch.zeros(1)}), "extra"),
        (lambda t, m: t.pop("optimizer.0.exp_avg"), "moments of the optimizer"),
        (lambda t, m: [t.pop(k) for k in list(t) if k.startswith("optimizer.")], "moments of the optimizer"),
        (lambda t, m: t.update({"optimizer.0.odd": torch.zeros(())}), "moments of the optimizer"),
        (lambda t, m: t.update({"optimizer.0.exp_avg": torch.zeros(1)}), "invalid for input"),
        (lambda t, m: t.update({"optimizer.99.exp_avg": torch.zeros(1)}), "out of range"),
        (lambda t, m: t.update({"optimizer.x": torch.zeros(1)}), "unpack"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_in_one_sentence(saved, change, words):
    tensors, meta = dict(saved[0]), copy.deepcopy(saved[1])
    change(tensors, meta)
    with pytest.raises(BundleError, match=words) as caught:
        resume(tensors, meta)
    assert str(caught.value).startswith("The saved state of this run does not fit together")
    assert len(str(caught.value)) < 350 and "\n" not in str(caught.value)


def test_a_run_from_a_machine_with_another_device_says_so(saved):
    meta = copy.deepcopy(saved[1])
    meta["config"]["device"] = "cuda:77"
    with pytest.raises(ConfigError, match="This machine has no device 'cuda:77'"):
        resume(saved[0], meta)


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


def test_a_run_is_not_resumed_on_another_number_of_images(saved):
    state = resume(*saved)
    with pytest.raises(ConfigError, match="has seen 6 batches in 2 epochs, but 64 images make 2 an epoch"):
        next(fit(state, TRAIN[:64], TEST))


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
