"""Entry point of `streamlit run app.py`: defines the ASGI app when the server starts, and draws a page in each script run."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads add 30 ms to a film while a run is training

import streamlit as st  # noqa: E402
from streamlit.runtime.scriptrunner import get_script_run_ctx  # noqa: E402

if get_script_run_ctx(suppress_warning=True) is None:  # the server is starting: it needs neither the pages nor torch
    from starlette.middleware import Middleware

    from explorer.ui import launch, style
    from explorer.web.early_style import EarlyStyle
    from explorer.web.host_check import HostCheck

    middleware = [Middleware(HostCheck, names=launch.host_names()), Middleware(EarlyStyle, css=style.CSS)]
    app = st.App(__file__, lifespan=launch.lifespan, middleware=middleware)
    if __name__ == "__main__":
        raise SystemExit("Start it with: streamlit run app.py")
else:
    from explorer.ui.exhibits import catalog
    from explorer.ui.exhibits.cover import cover
    from explorer.ui.explore.page import explore
    from explorer.ui.lectures.walk import panel as lectures
    from explorer.ui.library.page import library
    from explorer.ui.train.page import train
    from explorer.ui.widgets import nav

    st.set_page_config(page_title="Latent Explorer", layout="wide", initial_sidebar_state="collapsed")
    pages = nav.pages({"explore": explore, "train": train, "exhibits": cover, "library": library})
    page = st.navigation(pages + catalog.pages(), position="hidden")
    nav.render(pages)
    lectures.render(page.url_path)
    page.run()
