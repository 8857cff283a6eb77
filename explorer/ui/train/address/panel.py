"""The address line of the form: its settings as query parameters, replaced without a history entry."""

from typing import TypedDict

from explorer.ui.wire.component import register


class Header(TypedDict):
    query: str


mount = register(__file__, "address")


def render(query: str) -> None:
    """Replaces the query of the address line."""
    data: Header = {"query": query}
    mount(data, "address")
