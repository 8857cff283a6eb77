"""The front door: streamlit run app.py"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost 30 ms a film while a training has the cores

import streamlit as st  # noqa: E402

from explorer.ui.pages.explore import explore  # noqa: E402

st.set_page_config(page_title="Latent Explorer", layout="wide", initial_sidebar_state="collapsed")
st.navigation([st.Page(explore, title="Explore", url_path="", default=True)], position="top").run()
