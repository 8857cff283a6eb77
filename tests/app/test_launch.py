"""The address that a browser opens, and the host names that Streamlit's settings give the app."""

import pytest

from explorer.ui import launch


@pytest.fixture
def settings(monkeypatch):
    """settings({option: value}): in force until the test ends, beside Streamlit's defaults."""
    ours = {"server.address": None, "server.baseUrlPath": "", "server.sslCertFile": None}
    ours |= {"browser.serverAddress": "localhost", "browser.serverPort": 8501, "server.allowedHosts": []}

    return lambda given: monkeypatch.setattr(launch.st, "get_option", (ours | given).__getitem__)


@pytest.mark.parametrize(
    "given, address",
    [
        ({}, "http://localhost:8501/"),
        ({"server.address": "127.0.0.1"}, "http://127.0.0.1:8501/"),
        ({"server.address": "0.0.0.0"}, "http://localhost:8501/"),
        ({"server.address": "::"}, "http://localhost:8501/"),
        ({"server.address": "::1", "browser.serverPort": 80}, "http://[::1]:80/"),
        ({"server.address": "0.0.0.0", "browser.serverAddress": "vae.example.org"}, "http://vae.example.org:8501/"),
        ({"server.baseUrlPath": "/lab/"}, "http://localhost:8501/lab"),
        ({"server.sslCertFile": "cert.pem"}, "https://localhost:8501/"),
    ],
)
def test_the_address_is_the_one_that_is_printed(settings, given, address):
    settings(given)
    assert launch.address() == address


def test_the_names_in_streamlits_settings(settings):
    settings(
        {"server.allowedHosts": ["*.example.org"], "server.address": "lab.lan", "browser.serverAddress": "vae.example.com"}
    )
    assert set(launch.host_names()) == {"*.example.org", "lab.lan", "vae.example.com"}
    settings({})
    assert set(launch.host_names()) == {"localhost"}
