"""Names that a bundle may have, and the name that is suggested instead of an invalid one."""

import pytest

from explorer.core import paths
from explorer.core.errors import BundleError
from tests.unit.core.bundles.sample_bundles import (
    assert_one_sentence,
    names_in,
    save,
)


@pytest.mark.parametrize(
    "name, suggestion",
    [
        ("", "vae"),
        (".hidden", "hidden"),
        ("a/b", "a-b"),
        ("..", "vae"),
        ("x" * 65, "x" * 56),
        ("my model", "my-model"),
        ("runs", "runs-vae"),
        ("RUNS", "RUNS-vae"),
        ("con", "con-vae"),
        ("LPT1.x", "LPT1-x"),
        ("end.", "end"),
        ("con.", "con-vae"),
        ("modèle", "mod-le"),
        ("a\n", "a"),
    ],
)
def test_bad_names_are_refused_with_one_that_would_do(tmp_path, name, suggestion):
    with pytest.raises(BundleError) as caught:
        save(tmp_path, name)
    assert_one_sentence(caught.value, f"'{suggestion}'")
    assert paths.checked_name(suggestion) == suggestion and names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["a", "mnist-2d", "_", "A.b_c-1", "x" * 64, "console"])
def test_good_names(name):
    assert paths.checked_name(name) == name
