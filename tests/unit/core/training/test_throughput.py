"""Measurements of speed: the precision they choose, and the estimate of an epoch's time."""

from types import SimpleNamespace

import pytest
import torch

from explorer.core.errors import ConfigError
from explorer.core.training import step, throughput
from explorer.core.training.throughput import choose_precision, epoch_seconds
from tests.unit.core.training.small_runs import TRAIN, finish, same, small, weights

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (1, 8, 8)


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


# ---- an epoch's time


def test_ten_times_the_images_take_about_ten_times_as_long():
    small, large = (epoch_seconds({"arch": "mlp"}, {"batch_size": 64}, SHAPE, n) for n in (640, 64_000))
    assert 0 < small < large / 20


def test_what_cannot_be_trained_is_said():
    with pytest.raises(ConfigError):
        epoch_seconds({"latent_dim": 0}, {}, SHAPE, 100)
