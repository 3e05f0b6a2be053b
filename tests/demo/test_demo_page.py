"""A visitor in a real browser: types the command into the demo's page and sees the render come in."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright
from playwright.async_api import TimeoutError as BrowserTimeout

from sim.task_api.renders import SIGNATURE, SUCCEEDS

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SPEED = 7
"""The render takes nine seconds."""
ATTEMPTS = 4
ATTEMPT_SECONDS = 30
SECONDS = 180
"""More than all of it takes, on a slow machine too."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C alone"),
]


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Run the demo as a child; it must end well, too."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo", "--port", "0", "--speed", str(SPEED)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            while not (found := re.search(rb"http://127\.0\.0\.1:\d+/#\S+", await child.stdout.readline())):
                assert not child.stdout.at_eof()
        yield found[0].decode()
    finally:
        child.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            _, errors = await child.communicate()
    assert (child.returncode, errors) == (0, b"")


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await browser.new_page()
        page.set_default_timeout(SECONDS * 1000)
        await page.goto(address)
        # What is typed before the channel is there is lost.
        await page.locator("article", has_text="Try it").wait_for()
        yield page
        await browser.close()


async def use(page: Page, command: str, task_id: str) -> None:
    """Send a command. On a busy machine the page may be drawn again while it is chosen; choose again."""
    composer, option = page.get_by_placeholder("Message #"), page.get_by_label(re.compile("^id, required"))
    for attempt in range(ATTEMPTS):
        try:
            await composer.fill("", timeout=ATTEMPT_SECONDS * 1000)
            await composer.press_sequentially(f"/{command}")
            await page.locator(".command-entry", has_text=f"/{command}").click(timeout=ATTEMPT_SECONDS * 1000)
            await option.fill(task_id, timeout=ATTEMPT_SECONDS * 1000)
            break
        except BrowserTimeout:
            if attempt == ATTEMPTS - 1:
                raise
            await page.reload()
            await page.locator("article", has_text="Try it").wait_for()
    await page.locator("#send-message").click()


async def follow_as_marco(page: Page, address: str) -> None:
    """Open a page of one's own, and press a card's button as another person."""
    await page.goto(address)
    await page.get_by_label("Viewing as").select_option(label="Marco")
    await page.get_by_role("button", name="Notify me").click()
    await page.locator("article", has_text="I will notify you").wait_for()
    await page.close()


async def test_two_visitors_watch_a_render_from_the_command_to_the_result(page: Page, address: str) -> None:
    await use(page, "veo watch", SUCCEEDS.id)
    card = page.locator("article", has=page.locator(".components-v2"), has_text=SUCCEEDS.id)
    await card.wait_for()
    assert page.context.browser is not None
    second = await page.context.browser.new_page()
    second.set_default_timeout(SECONDS * 1000)
    await follow_as_marco(second, address)
    result = page.locator("article", has=page.locator(".message-reply"), has_text=SUCCEEDS.id)
    seen: list[str] = []
    async with asyncio.timeout(SECONDS):
        while not await result.count():
            text = await card.inner_text()
            if (now := re.search(r"[█░]{10}\s*(\d+)", text)) and now[1] not in seen:
                seen.append(now[1])
            await asyncio.sleep(0.1)
    percents = [int(percent) for percent in seen]
    assert percents == sorted(percents)
    assert len(percents) >= 2, "the card did not move"
    assert "@Ann @Marco" in await result.inner_text()
    links = [await link.get_attribute("href") for link in await result.locator("a").all()]
    assert [str(link).partition("?")[0].rpartition("/")[2] for link in links] == ["sunrise.mp4", "waves.mp4"]
    assert SIGNATURE not in await result.inner_text()
    video = await page.request.get(str(links[0]))
    assert video.ok
    assert b"ftyp" in (await video.body())[:16]
    await card.get_by_text("Finished").wait_for()
    assert await result.count() == 1
