"""Pictures and films for slides, 1920 x 1080, drawn from arrays with Pillow, as SVG text and with PyAV."""
