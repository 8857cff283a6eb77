"""The page under its working name."""

from explorer.ui.pages.explore import explore  # noqa: F401
