"""ImageSet: rows stay together, and arrays that do not match are refused."""

import numpy as np
import pytest

from explorer.core.data.image_set import ImageSet
from explorer.core.errors import ConfigError, DataError


def image_set(n=6, **changes) -> ImageSet:
    values = dict(
        name="x",
        split="train",
        images=np.arange(n * 64, dtype=np.uint8).reshape(n, 1, 8, 8),
        labels=np.arange(n) % 2,
        class_names=("a", "b"),
        factors=np.arange(n, dtype=np.float32)[:, None],
        factor_names=("f",),
    )
    return ImageSet(**values | changes)


def test_head_keeps_everything_in_step():
    whole = image_set()
    head = whole.take(np.array([4, 2, 5])).head(2)
    assert len(head) == 2
    assert head.index.tolist() == [4, 2] and head.factors[:, 0].tolist() == [4, 2]
    assert (head.images == whole.images[[4, 2]]).all() and (head.labels == whole.labels[[4, 2]]).all()
    assert whole.head(0) is whole and len(whole.head(99)) == 6
    assert image_set(factors=None, factor_names=()).head(1).factors is None
    with pytest.raises(ConfigError, match="-1"):
        whole.head(-1)


@pytest.mark.parametrize(
    "changes, says",
    [
        (dict(images=np.zeros((6, 8, 8), np.uint8)), "uint8 \\(N, C, H, W\\)"),
        (dict(images=np.zeros((6, 1, 8, 8), np.float32)), "float32"),
        (dict(labels=np.zeros(5, np.int64)), "6 images but 5 labels"),
        (dict(factors=np.zeros((7, 1), np.float32)), "6 images but 7 factors"),
        (dict(labels=np.full(6, 2)), "outside its 2 classes"),
    ],
)
def test_image_set_refuses_parts_that_do_not_fit(changes, says):
    with pytest.raises(DataError, match=says):
        image_set(**changes)
