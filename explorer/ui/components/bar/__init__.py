"""The bar: the name, the link, the keys, the presenter view. Down: `link`, the query that restores the page. Up: nothing.

The link goes into the address line by history.replaceState, so that Back still leaves the page in one step.
"""

from explorer.ui.components.asset import register

_mount = register("bar")


def bar(link: str, key: str) -> None:
    """Mount the bar."""
    _mount(key=key, data={"link": link})
