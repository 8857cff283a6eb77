"""The user interface: Streamlit pages, their components, and the state of a browser tab."""
