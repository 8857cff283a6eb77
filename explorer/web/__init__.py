"""The web server around the pages: who is answered. Knows neither streamlit nor torch."""
