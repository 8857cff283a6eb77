"""The front door: streamlit run app.py"""

import streamlit as st

from explorer.ui.pages.explore import explore

st.set_page_config(page_title="Latent Explorer", layout="wide", initial_sidebar_state="collapsed")
st.navigation([st.Page(explore, title="Explore", url_path="", default=True)], position="top").run()
