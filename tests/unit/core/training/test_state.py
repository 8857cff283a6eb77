"""A run that is resumed from its checkpoint is bit for bit the run that was never stopped; bad checkpoints are refused."""

import copy

import pytest
import torch

from explorer.core.config import ARCHS, LIKELIHOODS
from explorer.core.errors import BundleError, ConfigError
from explorer.core.training import loop
from explorer.core.training.loop import fit
from explorer.core.training.state import resume
from tests.unit.core.training.small_runs import (
    TEST,
    TRAIN,
    finish,
    same,
    small,
    through_a_file,
    weights,
    without_seconds,
)

pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_a_run_is_not_resumed_on_another_number_of_images(saved):
    state = resume(*saved)
    with pytest.raises(ConfigError, match="has trained 6 batches in 2 epochs, but 64 images make 2 per epoch"):
        next(fit(state, TRAIN[:64], TEST))
