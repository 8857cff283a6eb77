"""The page around the components: one grid, no scrolling at 1280 x 800, both themes, a size for the last row."""

import streamlit as st

CSS = """
<style>
:root { --le-scale: 1; --le-moves: calc(74px * var(--le-scale)); --le-bottom: clamp(150px, 24vh, 300px); --le-top: calc(100vh - var(--le-bottom) - 96px); }
:root.le-presenter { --le-scale: 1.55; --le-chrome: none; --le-chrome-text: none; --le-row: 44px minmax(0, 1fr) 84px; --le-top: calc(100vh - var(--le-bottom) - 40px); --le-bottom: clamp(170px, 27vh, 340px); }
[data-testid=stHeader], [data-testid=stToolbar], [data-testid=stDecoration], footer { display: none !important; }
[data-testid=stMainBlockContainer], .stMainBlockContainer { padding: 10px 22px 8px !important; max-width: none !important; }
.st-key-explore { display: grid !important; height: auto !important; gap: 10px 22px !important; grid-template-columns: minmax(0, 1.08fr) minmax(0, 1fr);
  grid-template-areas: "bar model" "stage map" "stage moves" "lanes lanes"; grid-template-rows: auto auto var(--le-moves) auto; }
.st-key-explore > [data-testid=stLayoutWrapper], .st-key-explore > [data-testid=stLayoutWrapper] > .stVerticalBlock:not([class*=st-key-]),
.st-key-explore > [data-testid=stLayoutWrapper] > .stVerticalBlock:not([class*=st-key-]) > [data-testid=stLayoutWrapper] { display: contents !important; }
.st-key-explore [data-stale=true] { opacity: 1 !important; transition: none !important; }
.st-key-map, .st-key-sprites { position: absolute; width: 0; height: 0; }
.st-key-bar_box { grid-area: bar; align-self: center; } .st-key-model_box { grid-area: model; }
.st-key-stage_box { grid-area: stage; } .st-key-map_box { grid-area: map; } .st-key-lanes_box { grid-area: lanes; border-top: 1px solid color-mix(in srgb, currentColor 15%, transparent); padding-top: 8px; }
.st-key-moves_box { grid-area: moves; height: var(--le-moves); position: relative; z-index: 6; }
.st-key-map_box { height: calc(var(--le-top) - var(--le-moves) - 10px); gap: 4px !important; flex-wrap: nowrap !important; }
.st-key-map_box > [data-testid=stLayoutWrapper]:has(> .st-key-chart_box) { flex: 1 1 0; min-height: 0; }
.st-key-chart_box, .st-key-latent_map { height: 100% !important; }
.st-key-map_controls { gap: 8px !important; min-height: 34px; flex-wrap: nowrap !important; padding-right: 102px; }
.st-key-map_controls > [data-testid=stElementContainer]:has([data-testid=stSelectbox]) { flex: 0 1 auto; min-width: 60px; }
.st-key-own_box { grid-area: map; position: relative; z-index: 20; pointer-events: none; }
.le-presenter { --le-own-open: none; }
.st-key-map_box [data-testid=stCaptionContainer] { font-size: calc(12.5px * var(--le-scale)); margin: 0; }
.st-key-map_box [data-testid=stCaptionContainer] p { margin: 0; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-size: inherit; }
.le-presenter .st-key-model_box, .le-presenter .st-key-bar_box { display: none; }
.le-presenter .st-key-map_controls { display: none; }
.le-presenter .legendtext { font-size: 20px !important; }
</style>
"""


def apply() -> None:
    """Once a run, before anything else is drawn."""
    st.html(CSS)
