"""Downloads from a real server on loopback: resumed, checked, and never let through with a wrong sum."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from analyzer.build.download import fetch
from analyzer.build.releases import Tarball, pinned_versions, release_tarballs
from analyzer.build.request import Release
from analyzer.errors import AnalyzerError
from tests.fuzz.loopback import answering
from tests.fuzz.targets import CORPUS

CONTENT = os.urandom(3_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()
NAME = "qemu-9.9.9.tar.xz"


@pytest.fixture
def tarball(server):
    (server.folder / NAME).write_bytes(CONTENT)
    return Tarball(NAME, f"{server.url}/{NAME}", SUM, "against the pinned sha256")


def test_a_file_is_fetched_once_and_then_found_without_a_network(tarball, server, cache, reporter):
    got = fetch([tarball], cache, reporter)
    assert got.path.read_bytes() == CONTENT
    assert got.sha256 == SUM
    assert reporter.steps[-1] == (f"Downloading {NAME}", len(CONTENT), len(CONTENT))
    assert fetch([Tarball(NAME, "http://127.0.0.1:1/nowhere", SUM, "")], cache, reporter).path == got.path
    assert len(server.requests) == 1


def test_a_broken_connection_goes_on_where_it_stopped(tarball, server, cache, reporter):
    server.cut_after = 1_000_000
    assert fetch([tarball], cache, reporter).path.read_bytes() == CONTENT
    assert server.requests[1] == (f"/{NAME}", "bytes=1000000-")


def test_an_interrupted_download_goes_on_in_the_next_run(tarball, server, cache, reporter):
    server.cut_after = 1_000_000

    class StoppedError(Exception):
        pass

    class Impatient(type(reporter)):
        def progress(self, what, done, total, unit=""):
            if done >= 700_000:
                raise StoppedError

    with pytest.raises(StoppedError):
        fetch([tarball], cache, Impatient())
    server.cut_after = 0
    assert fetch([tarball], cache, reporter).path.read_bytes() == CONTENT
    start = int(server.requests[1][1].removeprefix("bytes=").rstrip("-"))
    assert start >= 700_000


def test_a_file_that_changed_on_the_server_is_fetched_from_its_beginning(tarball, server, cache, reporter):
    cache.downloads.mkdir(parents=True)
    (cache.downloads / f"{NAME}.part").write_bytes(b"of another file")
    (cache.downloads / f"{NAME}.part.json").write_text(f'{{"url": "{tarball.url}", "version": "\\"other\\""}}')
    assert fetch([tarball], cache, reporter).path.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole_again(tarball, server, cache, reporter):
    server.cut_after, server.ranges = 1_000_000, False
    assert fetch([tarball], cache, reporter).path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_that_goes_silent_is_left_and_asked_again(tarball, server, cache, reporter):
    server.stall_after = 500_000
    assert fetch([tarball], cache, reporter, stall_timeout=0.5).path.read_bytes() == CONTENT
    assert server.requests[1][1] == "bytes=500000-"


@pytest.mark.threat(
    "A download is not the file that was published",
    source="mirrors and the network",
    defence="the sha256 is checked, also of a file in the cache; "
    "a release without a known sum is not built by default",
)
def test_a_wrong_sum_keeps_the_file_aside_and_shows_both_sums(tarball, server, cache, reporter):
    expected = "0" * 64
    with pytest.raises(AnalyzerError) as error:
        fetch([Tarball(NAME, tarball.url, expected, "")], cache, reporter)
    assert expected in error.value.message
    assert SUM in error.value.message
    assert str(cache.downloads / f"{NAME}.rejected") in error.value.hint
    assert sorted(path.name for path in cache.downloads.iterdir()) == [f"{NAME}.rejected"]


@pytest.mark.threat("A download is not the file that was published")
def test_a_tarball_in_the_cache_is_checked_as_well(tarball, cache, reporter):
    cache.downloads.mkdir(parents=True)
    (cache.downloads / NAME).write_bytes(b"put here by somebody")
    with pytest.raises(AnalyzerError, match="another sha256 than expected"):
        fetch([tarball], cache, reporter)
    assert (cache.downloads / NAME).exists()  # the user's sum may be the wrong one
    with pytest.raises(AnalyzerError, match="another sha256 than expected"):
        fetch([replace(tarball, pinned=True)], cache, reporter)
    assert not (cache.downloads / NAME).exists()


def test_a_rest_that_the_server_does_not_have_is_not_asked_for_again(tarball, server, cache, reporter):
    """A file that was whole when we were killed: what comes after its end is refused with 416."""
    fetch([tarball], cache, reporter)
    (cache.downloads / NAME).rename(cache.downloads / f"{NAME}.part")
    tag = server.tag(CONTENT).replace('"', '\\"')
    (cache.downloads / f"{NAME}.part.json").write_text(f'{{"url": "{tarball.url}", "version": "{tag}"}}')
    assert fetch([tarball], cache, reporter).path.read_bytes() == CONTENT
    assert [part for _, part in server.requests] == ["", f"bytes={len(CONTENT)}-", ""]


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:1/\u00fc", "http://\u00e9..x/", "foo"])
def test_an_address_that_is_none_is_an_error_with_a_next_step(url, cache, reporter):
    with pytest.raises(AnalyzerError, match="cannot be downloaded"):
        fetch([Tarball(NAME, f"{url}/{NAME}", SUM, "")], cache, reporter)


def test_the_other_compression_is_tried_where_the_first_is_not_there(server, cache, reporter):
    (server.folder / "qemu-9.9.9.tar.bz2").write_bytes(CONTENT)
    release = Release("9.9.9", unverified=True, mirror=server.url + "/")
    got = fetch(release_tarballs(release), cache, reporter)
    assert got.path.name == "qemu-9.9.9.tar.bz2"
    assert got.verified == "no: --unverified"


def test_without_a_network_the_error_says_which_file_to_put_where(cache, reporter):
    release = Release("1.6.0", mirror="http://127.0.0.1:1")
    with pytest.raises(AnalyzerError) as error:
        fetch(release_tarballs(release), cache, reporter)
    assert "Connection refused" in error.value.message
    assert str(cache.downloads / "qemu-1.6.0.tar.bz2") in error.value.hint


def test_a_release_that_the_server_does_not_have_is_unknown(server, cache, reporter):
    with pytest.raises(AnalyzerError, match=r"has no qemu-77\.0\.0\.tar\.xz or qemu-77\.0\.0\.tar\.bz2"):
        fetch(release_tarballs(Release("77.0.0", unverified=True, mirror=server.url)), cache, reporter)


def test_a_release_without_a_known_sum_needs_one_or_an_explicit_word():
    with pytest.raises(AnalyzerError) as error:
        release_tarballs(Release("8.0.0"))
    assert "1.6.0" in error.value.message
    assert "--unverified" in error.value.hint
    assert release_tarballs(Release("8.0.0", sha256=SUM))[0].sha256 == SUM


def test_the_pinned_releases_have_whole_sums():
    assert pinned_versions() == ["1.6.0", "1.7.0", "2.12.1", "5.2.0", "7.2.0", "10.0.0"]
    for version in pinned_versions():
        for tarball in release_tarballs(Release(version)):
            assert len(bytes.fromhex(tarball.sha256)) == 32
            assert tarball.url.startswith("https://download.qemu.org/qemu-")


@pytest.mark.threat(
    "Another server answers in place of the real one",
    source="the network",
    defence="TLS with the certificates of the host; without a valid certificate nothing is kept",
)
def test_a_server_without_a_valid_certificate_gives_no_file(cache, reporter):
    """It answers with a certificate that nobody signed; the one of another host and no TLS at all are the same."""
    for name in ("seed-self-signed", "seed-other-host", "seed-http"):
        with answering((CORPUS / "certificates" / name).read_bytes()) as port:
            tarball = Tarball(NAME, f"https://127.0.0.1:{port}/{NAME}", SUM, "against the pinned sha256")
            with pytest.raises(AnalyzerError, match="cannot be downloaded"):
                fetch([tarball], cache, reporter)
        assert not (cache.downloads / NAME).exists()
