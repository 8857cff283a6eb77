"""The app's style sheets as one text: style.css for all pages, those in the folder of each page, and wire/tip.css."""

from pathlib import Path

HERE = Path(__file__).parent
CSS = "".join(path.read_text("utf-8") for path in (HERE / "style.css", *sorted(HERE.glob("*/*.css"))))
