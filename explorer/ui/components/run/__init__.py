"""A training run, watched: curves, the KL of each dimension, pictures and the map of every epoch, scrubbed in the browser.

Down, one packet: header `run`, `title`, `link`, `status`, `word`, `elbo`, `epoch`, `n_epochs`, `step`, `n_steps`, `facts`,
`dials` ([{step, text}]), `axes` (what the drawings span, which twins share), `shape`, `classes`, `colours`, `names` (per epoch
there is: its key) and `fresh` (the keys whose pictures are in this packet); arrays `train` (4, n) and `test` (4, n): step,
-ELBO, recon, KL in nats per image, `kl` (epochs, D) with `kl_epochs`, `labels` (M,), `xy` (fresh, M, 2), `umap` (fresh, M, 2)
where the aligned UMAP is made, `frames` (fresh * 2 S) and, with the first, `originals` (S).

Twins stand side by side: those of one `link` show the same epoch, by the window event `latent-epoch` {from, link, wanted}
(null: the newest).

Up, the state `have`: {run, keys}: the epochs whose pictures have arrived, so that each travels once.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("run")


def run(packet: bytes, key: str, on_have: Callable[[], None]) -> None:
    """Mount the view. `on_have` runs before the fragment does; see st.session_state[key]["have"]."""
    _mount(key=key, data=packet, on_have_change=on_have)
