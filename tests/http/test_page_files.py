"""How the page's files are served: whole, fresh, small, and able to do nothing but what they are for."""

import gzip
import hashlib

import httpx
import pytest

from app.errors import SetupError
from app.http.controllers.page import FILES, render_index
from app.settings import Settings, read_settings
from tests.support.paths import PAGE_FILES

MOST_BYTES = 250_000
LONGEST_MODULE = 300


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/pictures/kite.svg"])
def test_a_file_is_compressed_only_for_whom_takes_that(service: str, path: str) -> None:
    zipped, plain = (
        httpx.get(f"{service}{path}", headers=[("Accept-Encoding", line) for line in lines])
        for lines in (["br", "gzip;q=0.5"], ["gzip;q=0", "*"])
    )
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.content == plain.content
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for response, other in ((zipped, plain), (plain, zipped)):
        sent = {"Accept-Encoding": "gzip" if response is zipped else "identity"}
        tag, another = response.headers["ETag"], other.headers["ETag"]
        for held in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            same = httpx.get(f"{service}{path}", headers={**sent, "If-None-Match": held})
            assert (same.status_code, same.headers["ETag"], same.headers["Vary"]) == (304, tag, "Accept-Encoding")
        assert httpx.get(f"{service}{path}", headers={**sent, "If-None-Match": another}).status_code == 200
        assert httpx.get(f"{service}{path}", headers={**sent, "If-Match": another}).status_code == 412


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/pictures/kite.svg"])
def test_every_file_says_that_it_is_what_it_says(service: str, path: str) -> None:
    headers = httpx.get(f"{service}{path}").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_a_picture_is_no_document_that_could_do_anything(service: str) -> None:
    headers = httpx.get(f"{service}/page/pictures/kite.svg").headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize("path", ["index.html", "nothing.js", "../settings.py", "%2e%2e/cli.py", "vendor/LICENSE", ""])
def test_nothing_else_is_served(service: str, path: str) -> None:
    assert httpx.get(f"{service}/page/{path}").status_code == 404


def test_the_policy_has_the_sources_of_images_that_are_set(service: str) -> None:
    page = render_index("https://images.example https://*.example.org")
    assert "img-src 'self' https://images.example https://*.example.org;" in page.policy
    assert b'content="https://images.example https://*.example.org"' in page.content
    with pytest.raises(SetupError, match="CATALOG_PAGE_IMAGES"):
        read_settings({"CATALOG_PAGE_IMAGES": "https:; script-src *"})
    assert read_settings({}) == Settings()


def test_a_prefix_without_its_slash_leads_to_the_one_with_it(service: str) -> None:
    given = {"X-Forwarded-Prefix": "/catalog", "X-Forwarded-Path": "/catalog?view=log"}
    answer = httpx.get(f"{service}/?view=log", headers=given)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/catalog/?view=log")
    for prefix in ("//evil.example", "https://evil.example", "/a\\b", "/"):
        evil = {"X-Forwarded-Prefix": prefix, "X-Forwarded-Path": prefix}
        assert httpx.get(f"{service}/", headers=evil).status_code == 200


def test_all_files_together_are_small() -> None:
    sent = [render_index(""), *FILES.values()]
    assert sum(min(len(file.gzipped), len(file.content)) for file in sent) < MOST_BYTES
    for file in sent:
        assert gzip.decompress(file.gzipped) == file.content


def test_what_is_vendored_is_what_it_says() -> None:
    told = (PAGE_FILES / "vendor" / "VENDORED.md").read_text().splitlines()
    sums = {name: checksum for checksum, name in (line.split() for line in told if line[64:66] == "  ")}
    assert sums.keys() == {path.name for path in (PAGE_FILES / "vendor").iterdir()} - {"VENDORED.md", "LICENSE"}
    for name, checksum in sums.items():
        assert hashlib.sha256((PAGE_FILES / "vendor" / name).read_bytes()).hexdigest() == checksum


def test_modules_are_short_and_make_no_markup_of_data() -> None:
    for path in PAGE_FILES.glob("*.js"):
        text = path.read_text()
        assert text.count("\n") <= LONGEST_MODULE, path.name
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"):
            assert word not in text.replace('"http://www.w3.org/2000/svg"', ""), f"{word} in {path.name}"
