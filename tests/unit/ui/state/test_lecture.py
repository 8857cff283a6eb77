"""A lecture's file: it survives writing and reading, and a bad one is refused in a sentence."""

import json

import pytest

from explorer.core.errors import DataError
from explorer.ui.state import lecture
from explorer.ui.state.lecture import MAX_ENTRIES, Entry, Lecture
from explorer.ui.state.lectures import Lectures

PAGES = {"explore": frozenset({"model", "image", "move"}), "lower-bound": frozenset({"model", "image"})}
SAMPLE = Lecture(
    "Le\u00e7on <1>",
    (
        Entry("lower-bound", "model=mnist-2d&image=3", "say: <b>why</b> & how\u2028\u4f60", 4.5),
        Entry("explore", "move=slant:2,ink:-1"),
        Entry("explore", "", "", 0),
    ),
)


def file_of(**changes) -> str:
    return json.dumps(json.loads(lecture.write(SAMPLE)) | changes)


def entry_of(**changes) -> str:
    return file_of(entries=[{"page": "explore", "query": "", "note": "", "minute": None} | changes])


def test_a_lecture_survives_writing_and_reading():
    text = lecture.write(SAMPLE)
    assert lecture.read(text, PAGES) == lecture.read(text.encode(), PAGES) == SAMPLE
    assert lecture.write(lecture.read(text, PAGES)) == text
    assert lecture.read("\ufeff" + text, PAGES) == SAMPLE  # as Windows editors save it
    full = Lecture("full", (Entry("explore"),) * MAX_ENTRIES)
    assert lecture.read(lecture.write(full), PAGES) == full
    assert lecture.read('{"lecture": 1, "title": "t", "entries": []}', PAGES) == Lecture("t")


def test_markup_is_kept_as_text():
    assert lecture.shows_markup(SAMPLE) and not lecture.shows_markup(Lecture("a", (Entry("explore", note="b"),)))


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("no", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"lecture": NaN}', "it is not JSON"),
        (entry_of(note="\ud800"), "it is not JSON"),
        ("[]", "it is not a lecture"),
        (b" " * 50_000_000, "it is larger than 2 MB"),
        ('{"title": "t", "entries": []}', "'lecture' must be 1, the version of the format"),
        (file_of(lecture=2), "'lecture' must be 1, the version of the format"),
        (file_of(more=1), "the file has an unknown field 'more'"),
        (file_of(entries={}), "'entries' must be a list"),
        (file_of(entries=[{}] * 10_000), "it has 10,000 entries, at most 200 are allowed"),
        (file_of(entries=["explore"]), "entry 1 is not an object"),
        (file_of(title=7), "the file: 'title' must be text"),
        (entry_of(page="upper-bound"), "entry 1: There is no page 'upper-bound'"),
        (entry_of(page=["explore"]), "entry 1: 'page' must be text"),
        (entry_of(query="zoom=2"), "entry 1: the page 'explore' has no parameter 'zoom'"),
        (entry_of(query="image=2&image=3"), "entry 1 has a parameter twice"),
        (entry_of(query="image=" + "2" * 5_000), "entry 1: 'query' has more than 4,000 characters"),
        (entry_of(note="n" * 501), "entry 1: 'note' has more than 500 characters"),
        (entry_of(note=None), "entry 1: 'note' must be text"),
        (entry_of(html="<script>"), "entry 1 has an unknown field 'html'"),
        (entry_of(minute="4"), "entry 1: 'minute' must be from 0 to 600"),
        (entry_of(minute=True), "entry 1: 'minute' must be from 0 to 600"),
        (entry_of(minute=-1), "entry 1: 'minute' must be from 0 to 600"),
    ],
    ids=range(25),
)
def test_a_bad_file_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(DataError) as caught:
        lecture.read(text, PAGES)
    assert str(caught.value) == f"The file cannot be loaded: {sentence}. Nothing was changed."


def test_the_view_of_a_page_becomes_an_entry():
    assert lecture.entry("explore", "model=a&image=3&lecture=elbo:2", PAGES) == Entry("explore", "model=a&image=3")
    assert lecture.entry("explore", "model=\ud800", PAGES).query == "model=%3F"  # half a surrogate pair
    with pytest.raises(DataError, match="Explore and the exhibits only"):
        lecture.entry("train", "", PAGES)
    with pytest.raises(DataError, match="too long"):  # as it is written to the file
        lecture.entry("explore", "model=" + "\u00e9" * 1000, PAGES)


def test_editing_and_undoing():
    state = Lectures()
    for page in ("explore", "lower-bound", "explore"):
        state.add(Entry(page))
    state.move(1, -1)
    state.annotate(0, "first")
    state.remove(2)
    assert state.own.entries == (Entry("lower-bound", note="first"), Entry("explore"))
    state.move(0, -1)
    state.move(1, 1)
    state.remove(7)
    state.annotate(-1, "")
    assert state.own.entries == (Entry("lower-bound", note="first"), Entry("explore"))
    for _ in range(9):
        state.undo()
    assert state.own == Lecture()
    state.edit(Lecture("full", (Entry("explore"),) * MAX_ENTRIES))
    state.add(Entry("explore"))
    assert len(state.own.entries) == MAX_ENTRIES and "at most 200" in state.message


def test_walking_stops_at_both_ends():
    state = Lectures()
    state.start("own", Lecture())
    assert state.running is None
    state.start("own", SAMPLE, 99)
    assert state.is_due and state.entry == SAMPLE.entries[2]
    state.arrive()
    state.step_by(1)
    assert not state.is_due and state.step == 2
    state.step_by(-5)
    assert state.is_due and state.step == 0
    state.end()
    assert state.running is None
