"""The link to a view: it brings everything back, says in a sentence what it cannot, and floods no history."""

import base64
from urllib.parse import urlencode

import numpy as np
import pytest

from explorer import open_bundle
from tests.benchmarks import links
from tests.benchmarks.drags import error
from tests.browser.driver import eventually


def linked(z: np.ndarray) -> str:
    """z as a link has it."""
    return base64.urlsafe_b64encode(z.astype("<f4").tobytes()).decode().rstrip("=")


Z = linked(np.linspace(-1, 1, 16))


def sentences(page) -> str:
    return " ".join(page.page.locator("[data-testid=stToast], [data-testid=stAlert]").all_inner_texts())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_link_restores_the_view_in_another_browser(explore, engine, seed):
    page, chance = explore(), np.random.default_rng(seed)
    links.wander(page, engine, chance, 5)
    other = explore(page.page.url.split("/")[-1])
    wanted = links.seen(page, engine)
    assert eventually(lambda: links.seen(other, engine), wanted) == wanted


def test_a_link_to_later_dimensions(explore, models):
    wide = explore("?model=wide")
    first = wide.dims()
    assert wide.press(".pager [data-do=more]") and not set(wide.dims()) & set(first)
    wide.drag(wide.dims()[3], 0.2, end=0.8)
    other = explore(wide.page.url.split("/")[-1])
    there = open_bundle("wide", models)
    wanted = links.seen(wide, there)
    assert eventually(lambda: links.seen(other, there), wanted) == wanted and error(other, there) <= 1


def test_z_comes_back_bit_for_bit(explore, engine):
    page = explore(f"?model=mnist&z={Z}")
    assert page.link()["z"] == Z and error(page, engine) <= 1 and sentences(page) == ""


BAD = {"a": "10000", "image": "one", "plane": "moon", "colour": "loud", "dims": "99", "beyond": "7"}


@pytest.mark.parametrize(
    "query, said",
    [
        ("model=mnist&z=garbage!&" + urlencode(BAD), [f"'{name}' was ignored" for name in ("z", *BAD)]),
        (f"z={Z[:-8]}&plane=3,99&a=-1", ["'z' was ignored", "'plane' was ignored", "'a' was ignored"]),
        (f"z={linked(np.full(16, np.nan))}&b=7", ["'z' was ignored"]),
        ("hash=0123456789abcdef&utm_source=mail", ["has changed since this link was made"]),
        ("model=nobody", ["'nobody' is not on this machine"]),
    ],
)
def test_a_bad_link_gets_a_sentence_and_a_page_that_works(explore, engine, query, said):
    page = explore(f"?{query}")
    told = sentences(page)
    assert all(sentence in told for sentence in said), told
    link = page.link()
    assert link["model"] == "mnist" and link["hash"] == engine.content_hash and not ({"z", *BAD} - {"plane"}) & set(link)
    assert page.drag(page.dims()[0], 0.1, end=0.8).release_to_films is not None and error(page, engine) <= 1


def test_back_leaves_in_one_step(explore, engine):
    page = explore()
    links.wander(page, engine, np.random.default_rng(2), 4)
    page.page.go_back()
    page.page.wait_for_url("about:blank")
