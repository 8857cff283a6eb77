"""The panel of /loss-terms: a number that is not known yet is not sent as another one."""

from types import SimpleNamespace

from explorer.ui.exhibits.loss_terms import panel


def test_a_loss_that_is_not_logged_yet_is_not_sent_as_zero():
    events = [{"kind": "epoch", "epoch": 0, "test": {"recon_loss": 44.5}}]
    assert panel._recon_losses(SimpleNamespace(twins={"both": (events, [])}), "both", [0, 1]) == [44.5, None]
