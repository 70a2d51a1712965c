"""The two ways in which people act on a page: by mouse, and by keyboard alone. The same acts are played by either."""

from contextlib import nullcontext
from typing import Protocol

from playwright.async_api import FilePayload, Page, expect


class Hand(Protocol):
    """What one can do on a page; everything is found by the name that people read there."""

    async def follow(self, page: Page, link: str) -> None:
        """Go where a link leads."""

    async def press(self, page: Page, button: str) -> None: ...

    async def unfold(self, page: Page, summary: str) -> None: ...

    async def choose(self, page: Page, option: str) -> None:
        """One of several choices that are there to see."""

    async def pick(self, page: Page, label: str, option: str) -> None:
        """An option of a list that opens."""

    async def write(self, page: Page, label: str, text: str) -> None: ...

    async def attach(self, page: Page, label: str, file: FilePayload) -> None: ...


class Mouse:
    async def follow(self, page: Page, link: str) -> None:
        await page.get_by_role("link", name=link).first.click()

    async def press(self, page: Page, button: str) -> None:
        await page.get_by_role("button", name=button, exact=True).click()

    async def unfold(self, page: Page, summary: str) -> None:
        await page.locator("summary").get_by_text(summary, exact=True).click()

    async def choose(self, page: Page, option: str) -> None:
        await page.locator("label").get_by_text(option, exact=True).click()

    async def pick(self, page: Page, label: str, option: str) -> None:
        await page.get_by_label(label, exact=True).select_option(label=option)

    async def write(self, page: Page, label: str, text: str) -> None:
        await page.get_by_label(label, exact=True).click()
        await page.keyboard.type(text)

    async def attach(self, page: Page, label: str, file: FilePayload) -> None:
        async with page.expect_file_chooser() as chosen:
            await page.get_by_label(label, exact=True).click()
        await (await chosen.value).set_files(file)


class Keyboard:
    async def follow(self, page: Page, link: str) -> None:
        await tab_to(page, link, "a")
        await _enter(page)

    async def press(self, page: Page, button: str) -> None:
        await tab_to(page, button, "button")
        await _enter(page)

    async def unfold(self, page: Page, summary: str) -> None:
        await tab_to(page, summary, "summary")
        await _enter(page)

    async def choose(self, page: Page, option: str) -> None:
        await tab_to(page, option, "input")
        await page.keyboard.press("Space")

    async def pick(self, page: Page, label: str, option: str) -> None:
        await tab_to(page, label, "select")
        for _ in range(await page.locator(":focus > option").count()):
            if await page.locator(":focus > option:checked").inner_text() == option:
                break
            await page.keyboard.press("ArrowDown")
        await expect(page.locator(":focus > option:checked")).to_have_text(option)

    async def write(self, page: Page, label: str, text: str) -> None:
        await tab_to(page, label, "input, textarea")
        await page.keyboard.type(text)

    async def attach(self, page: Page, label: str, file: FilePayload) -> None:
        # Waiting begins before the way there: the browser needs a moment until it hands its window for files over.
        async with page.expect_file_chooser() as chosen:
            await tab_to(page, label, "input")
            await page.keyboard.press("Enter")
        await (await chosen.value).set_files(file)


# What the focus is on, as it is read out: by its label, or by its own text.
FOCUSED = """kind => {
  const e = document.activeElement;
  if (!e || !e.matches(kind)) return "";
  return e.labels?.[0]?.innerText || e.getAttribute("aria-label") || e.innerText || "";
}"""


async def tab_to(page: Page, name: str, kind: str = "*") -> None:
    """Press Tab until something of this kind (a selector) and with this name has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if name in await page.evaluate(FOCUSED, kind):
            box = await page.locator(":focus").bounding_box()
            assert box is not None, f"{name} has the focus and is not to be seen"
            return
    raise AssertionError(f"no way to {name} by keyboard")


async def _enter(page: Page) -> None:
    """Press Enter; where that leads to another page, the next key is meant for that one."""
    leads_on = await page.locator(":focus").evaluate("e => e.matches('a, [type=submit], button:not([type])')")
    async with page.expect_navigation() if leads_on else nullcontext():
        await page.keyboard.press("Enter")
