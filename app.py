"""The front door: streamlit run app.py"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost 30 ms a film while a training has the cores

import streamlit as st  # noqa: E402

from explorer.ui import style  # noqa: E402
from explorer.ui.explore.page import explore  # noqa: E402
from explorer.ui.library.page import library  # noqa: E402
from explorer.ui.train.page import train  # noqa: E402
from explorer.ui.widgets import nav  # noqa: E402

st.set_page_config(page_title="Latent Explorer", layout="wide", initial_sidebar_state="collapsed")
pages = [
    st.Page(explore, title="Explore", url_path="", default=True),
    st.Page(train, title="Train", url_path="train"),
    st.Page(library, title="Library", url_path="library"),
]
page = st.navigation(pages, position="hidden")
style.apply()
nav.render(pages)
page.run()
