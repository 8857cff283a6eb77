"""Middleware of the HTTP server. Imports neither streamlit nor torch."""
