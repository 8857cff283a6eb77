"""The top bar of Explore: model, link, keyboard help, presenter view."""
