"""The decoded image and the latent sliders of Explore."""
