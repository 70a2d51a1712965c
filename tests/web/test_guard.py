"""What guards the pages in a browser: headers, no act from another site, and nothing inline."""

import re
from pathlib import Path

import pytest

from api.office import Office
from placet.web import assets
from web.desk import COOKIE, desk

TEMPLATES = Path(assets.__file__).parent / "templates"


async def test_a_page_allows_only_its_own_script_and_style(office: Office) -> None:
    ben = await desk(office, "ben")
    seen = set()
    for _ in range(2):
        page = await ben.get("/")
        nonce = re.search(r'<script type="module" src="[^"]+" nonce="([\w-]+)">', page.text)[1]
        seen.add(nonce)
        assert page.headers["Content-Security-Policy"] == (
            f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
            "require-trusted-types-for 'script'; trusted-types placet"
        )
    assert len(seen) == 2
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }.items():
        assert page.headers[name] == value
    assert "camera=()" in page.headers["Permissions-Policy"]


async def test_also_pages_of_refusals_are_guarded(office: Office) -> None:
    ben = await desk(office, "ben")
    for path, status in (("/nowhere", 404), ("/tasks/x", 404), ("/cases?state=odd", 422)):
        page = await ben.get(path)
        assert page.status_code == status
        assert "require-trusted-types-for" in page.headers["Content-Security-Policy"]


async def test_who_loses_the_way_keeps_the_navigation_and_the_language(office: Office) -> None:
    ben = await desk(office, "ben")
    assert 'href="/cases"' in (lost := await ben.get("/nowhere")).text and "There is nothing here" in lost.text
    await ben.post("/account/preferences", {"language": "ar", "zone": ""})
    assert 'dir="rtl"' in (await ben.get("/nowhere")).text
    stranger = await office.http.get("/nowhere", headers={"Accept": "text/html"})
    assert (stranger.status_code, 'href="/cases"' in stranger.text) == (404, False)


async def test_the_api_keeps_its_own_headers_and_its_problems(office: Office) -> None:
    answer = await office.http.get("/api/v1/me", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    missing = await office.http.get("/nowhere")
    assert missing.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://placet"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://placet"}, False),
        ({"Origin": "http://placet"}, True),
        ({"Origin": "https://placet"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, True),
    ],
)
async def test_a_form_counts_only_from_our_own_pages(office: Office, headers: dict[str, str], allowed: bool) -> None:
    task = await office.task()
    ben = await desk(office, "ben")
    answer = await ben.post(f"/tasks/{task}", {"outcome": "approve"}, headers=headers)
    assert answer.status_code == (303 if allowed else 403)
    case = await office.get("ben", f"/api/v1/tasks/{task}")
    assert (case["state"] == "closed") is allowed
    if not allowed:
        assert "Sent from another site" in answer.text
    signing_in = await ben.post("/signin", {"name": "", "password": ""}, headers=headers)
    assert signing_in.status_code == (401 if allowed else 403)


async def test_programs_with_a_token_are_no_forms(office: Office) -> None:
    task = await office.task()
    answer = await office.call(
        "ben",
        "POST",
        f"/api/v1/tasks/{task}/answer",
        {"outcome": "approve"},
        headers={"Origin": "http://other.example"},
    )
    assert answer.status_code == 200


async def test_a_name_and_password_in_an_address_do_not_make_a_form_a_program(office: Office) -> None:
    task = await office.task()
    ben = await desk(office, "ben")
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic eDp5"}
    assert (await ben.post(f"/tasks/{task}", {"outcome": "approve"}, headers=headers)).status_code == 403


async def test_a_cookie_of_an_installation_behind_tls_is_bound_to_its_host(office: Office) -> None:
    object.__setattr__(office.store, "house", type(office.store.house)("https://placet.example", "x" * 40))
    root = await desk(office, "root")
    gone = await root.post("/signout")
    assert "__Host-placet" in gone.headers["Set-Cookie"] and "Secure" in gone.headers["Set-Cookie"]
    assert COOKIE != "__Host-placet"


def test_no_template_has_a_style_or_a_script_in_it() -> None:
    inline = re.compile(r"\sstyle=|<style|\son[a-z]+=|javascript:|<script(?![^>]* src=)|\|\s*safe")
    found = [str(file) for file in TEMPLATES.rglob("*.html") if inline.search(file.read_text())]
    assert found == []


def test_styles_know_no_left_and_right() -> None:
    sheet = (TEMPLATES.parent / "static" / "placet.css").read_text()
    assert (
        re.findall(r"(?:margin|padding|border|inset)-(?:left|right|top|bottom)|(?<![\w-])(?:left|right|float):", sheet)
        == []
    )
    assert "http" not in sheet and "@import" not in sheet


async def test_style_and_script_are_kept_by_browsers_until_they_change(office: Office) -> None:
    page = await (await desk(office, "ben")).get("/")
    for address in re.findall(r'"(/static/[^"]+)"', page.text):
        answer = await office.http.get(address.replace("&amp;", "&"))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (await office.http.get("/static/placet.css")).headers["Cache-Control"] == "no-cache"


async def test_a_first_view_is_light(office: Office) -> None:
    """What is transferred without compression: page, style sheet, script and icon."""
    await office.task()
    page = await (await desk(office, "ben")).get("/")
    size = len(page.content)
    for address in set(re.findall(r'"(/static/[^"]+)"', page.text)):
        size += len((await office.http.get(address)).content)
    assert size < 60_000
