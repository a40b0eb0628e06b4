"""The authorities are loaded once for each choice of them."""

import pytest

from tianting.models.http.trusted_roots import trusted_roots


def test_they_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    assert trusted_roots() is trusted_roots()


def test_environment_chooses_others(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = trusted_roots()
    monkeypatch.setenv("SSL_CERT_DIR", "/no/certificates/here")

    assert trusted_roots() is not usual
