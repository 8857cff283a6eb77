"""The example path with which the page opens: on MNIST from a 3 to an 8, elsewhere between two classes that lie far apart."""

from explorer.core.latent import clusters
from explorer.ui import resources

PAIRS = {"mnist": (3, 8)}  # data set -> labels of A and B


def pair(engine) -> tuple[int, int]:
    """The gallery rows of A and B."""
    return resources.shared(engine, "example", (), lambda: _pair(engine))


def _pair(engine) -> tuple[int, int]:
    mu, labels = engine.gallery.mu, engine.gallery.labels
    chosen = PAIRS.get(engine.origin.dataset)
    if chosen is not None and set(chosen) <= set(labels.tolist()):
        rows = clusters.central_rows(mu, labels)
        return rows[chosen[0]], rows[chosen[1]]
    return clusters.far_pair(mu, labels)
