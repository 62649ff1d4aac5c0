"""Which servers and which cache the debuginfod client uses."""

from __future__ import annotations

import pytest

from analyzer.adapters.debuginfod import cache_folder, server_urls, without_passwords


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, "http://one.test http://two.test http://three.test"),  # of the distribution
        ("http://mine.test", "http://mine.test"),
        ("", ""),  # the user has switched it off
    ],
)
def test_the_variable_comes_before_the_files_of_the_distribution(variable, expected, tmp_path, monkeypatch):
    (tmp_path / "a.urls").write_text("http://one.test\nhttp://two.test\n")
    (tmp_path / "b.urls").write_text("http://three.test")
    (tmp_path / "b.certpath").write_text("/etc/keys")
    monkeypatch.delenv("DEBUGINFOD_URLS", raising=False)
    if variable is not None:
        monkeypatch.setenv("DEBUGINFOD_URLS", variable)
    assert server_urls(tmp_path) == expected


def test_without_variable_and_files_there_is_no_server(tmp_path, monkeypatch):
    monkeypatch.delenv("DEBUGINFOD_URLS", raising=False)
    assert server_urls(tmp_path / "nothing") == ""


def test_a_password_in_an_address_is_not_shown():
    assert without_passwords("http://a:b@one.test/x https://two.test") == "http://one.test/x https://two.test"


def test_the_cache_is_the_one_of_the_client(tmp_path, monkeypatch):
    for name in ("DEBUGINFOD_CACHE_PATH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "debuginfod_client"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "debuginfod_client"
    old = tmp_path / ".debuginfod_client_cache"
    old.mkdir()
    assert cache_folder() == old
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
