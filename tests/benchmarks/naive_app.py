"""The naive app, as one would write it in an afternoon: every touch runs the whole script. naive.py drives it."""

import numpy as np
import streamlit as st

from explorer import figures, open_bundle

engine = st.cache_resource(open_bundle)("mnist")
st.set_page_config(layout="wide")
left, right = st.columns(2)
with left:
    z = [st.slider(f"z{d}", -4.0, 4.0, 0.0, 0.05, key=f"z{d}") for d in range(engine.latent_dim)]
    image = engine.decode(np.array([z], np.float32))[0, 0]
    st.image(image, width=280, caption="decoded")
with right:
    figure = figures.map_figure(engine.map_xy(), engine.gallery.labels, engine.origin.class_names)
    chosen = st.plotly_chart(figure, key="map", on_select="rerun", selection_mode="points")
    picked = st.session_state.setdefault("picked", [])
    for point in chosen.selection.points:
        if not picked or picked[-1] != point["customdata"]:
            picked.append(point["customdata"])
    if len(picked) >= 2:
        a, b = engine.gallery.mu[picked[-2:]]
        t = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
        strip = engine.decode((1 - t) * a + t * b)[:, 0]
        st.image(np.concatenate(strip, 1), caption="interpolation")
