"""How numbers known of each image (its attributes and factors) show in the latent space: directions and single dimensions.

No torch. Columns of `values` that are constant have no direction: zeros, with an R^2 and correlations of 0.
"""

from dataclasses import dataclass

import numpy as np

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import as_finite_table, to_float32

PENALTY = 1.0  # of the ridge regression: gives no weight to dead dimensions, whose means vary by rounding errors alone
N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Relations:
    """For K columns of values and D dimensions."""

    directions: np.ndarray  # (K, D) float32 unit vectors, along which the values rise
    r2: np.ndarray  # (K,) float64, of the prediction of images left out of the fit; negative if worse than the mean
    rank_correlation: np.ndarray  # (K, D) float64: Spearman's, of each dimension with each column, -1 to 1


def relate(means, values) -> Relations:
    """Relates the encoder means (N, D) to values (N, K), by ridge regression and by ranks.

    R^2 is the mean of a cross-validation with 5 folds, each of every fifth row. Raises ConfigError if the rows do not match
    or a number is not finite.
    """
    means, values = as_finite_table("Encoder means", means), np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) != len(means):
        raise ConfigError(f"{len(means)} points need as many rows of values, not an array of shape {values.shape}.")
    if not values.size:
        return Relations(np.zeros((0, means.shape[1]), np.float32), np.zeros(0), np.zeros((0, means.shape[1])))
    values = as_finite_table("Values", values)
    slopes = _ridge(means, values)
    lengths = np.linalg.norm(slopes, axis=0)
    return Relations(
        to_float32((slopes / np.where(lengths > 0, lengths, 1)).T),
        _cross_validated_r2(means, values),
        _rank_correlation(values, means),
    )


def _ridge(means: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(D, K): the slopes that minimise squared error + PENALTY * |slopes|^2 (Hoerl and Kennard 1970)."""
    x, y = means - means.mean(0), values - values.mean(0)
    return np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ y)


def _cross_validated_r2(means: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(K,). 0 for a constant column, and with fewer than two rows in a fold."""
    fold, scores = np.arange(len(means)) % N_FOLDS, []
    if len(means) < 2 * N_FOLDS:
        return np.zeros(values.shape[1])
    for k in range(N_FOLDS):
        fit, held = fold != k, fold == k
        predicted = values[fit].mean(0) + (means[held] - means[fit].mean(0)) @ _ridge(means[fit], values[fit])
        error, spread = ((values[held] - predicted) ** 2).sum(0), ((values[held] - values[held].mean(0)) ** 2).sum(0)
        scores.append(np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), 0))
    return np.mean(scores, axis=0)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(columns of a, columns of b): Spearman's rank correlation of each pair of columns; 0 where one is constant."""
    a, b = (_standardised(np.stack([_ranks(column) for column in part.T])) for part in (a, b))
    return a @ b.T


def _ranks(column: np.ndarray) -> np.ndarray:
    """The ranks from 1; equal values share the mean of theirs."""
    order = column.argsort()
    sorted_column = column[order]
    starts = np.flatnonzero(np.r_[True, sorted_column[1:] != sorted_column[:-1]])
    counts = np.diff(np.r_[starts, len(column)])
    ranks = np.empty(len(column))
    ranks[order] = np.repeat(starts + (counts + 1) / 2, counts)
    return ranks


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and length 1; zeros if it is constant."""
    centred = rows - rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(lengths > 0, lengths, 1)
