import pytest
from browser import polling
from browser.browsing import Browsing

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_shots(browsing: Browsing) -> None:
    p = await polling.propose(browsing)
    await polling.vote(browsing, "vera", p, "approve", "نعم")
    s = browsing.scene
    for name, who, path in [
        ("inbox", "ben", "/"),
        ("task", "ben", f"/tasks/{s.form}"),
        ("vote", "vala", f"/voter/proposals/{p}"),
        ("case", "cora", f"/cases/{s.case}"),
        ("casevote", "kofi", f"/cases/{s.vote}"),
        ("signin", None, "/signin"),
        ("account", "root", "/account"),
        ("people", "root", "/admin/people/vera"),
        ("catalogue", "rita", "/catalogue"),
        ("receipt", "vera", f"/voter/proposals/{p}/receipt"),
        ("closed", "ben", f"/tasks/{s.closed}"),
    ]:
        for size, w in (("phone", 390), ("desk", 1280)):
            async with browsing.page(
                who, path, locale="ar-EG", timezone_id="Africa/Cairo", viewport={"width": w, "height": 850}
            ) as page:
                await page.screenshot(path=f"/tmp/shots-ar/{name}-{size}.png", full_page=True)
