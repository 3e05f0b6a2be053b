"""Take the README's picture of the demo, `docs/demo.png`: `python -m tools.take_pictures`.

It needs Chromium. Time is virtual, so it takes seconds; the picture differs only in its date.
"""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.async_api import FloatRect, Page, async_playwright

from bot.demo.renders import STALLS, SUCCEEDS
from bot.demo.stage import Stage

PICTURE: Final = Path(__file__).parent.parent / "docs" / "demo.png"
WIDTH: Final = 700
MARGIN: Final = 12
LARGEST: Final = 250_000
"""Bytes that the picture may have."""
SHOW_FRAMES: Final = """async () => {
  for (const video of document.querySelectorAll("video")) {
    video.muted = true;
    video.preload = "auto";
    const shown = new Promise(resolve => video.addEventListener("seeked", resolve, {once: true}));
    if (video.readyState < 1)
      await new Promise(resolve => video.addEventListener("loadedmetadata", resolve, {once: true}));
    video.currentTime = video.duration * 0.7;
    await shown;
  }
}"""
"""Brings every video on the page to a frame from its later part."""
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


async def act(stage: Stage) -> None:
    """Let one render succeed while people talk, and have another half done."""
    env, channel = stage.env, stage.channel
    await stage.ann.slash(channel, "veo watch", id=SUCCEEDS.id)
    await env.advance_time(40)
    await stage.marco.slash(channel, "veo watch", id=SUCCEEDS.id)
    await env.advance_time(30)
    await stage.mei.send(
        channel, "The light is lovely. Take the first one, and let’s see the harbour at night."
    )
    await stage.marco.slash(channel, "veo watch", id=STALLS.id)
    await env.advance_time(35)


async def shoot(page: Page) -> None:
    """Photograph the messages after the first, which only lists the examples."""
    articles = page.locator("article.channel-message")
    await articles.nth(4).wait_for()
    await page.evaluate("document.fonts.ready")
    await page.evaluate(SHOW_FRAMES)
    first, last = await articles.nth(1).bounding_box(), await articles.last.bounding_box()
    if first is None or last is None:
        sys.exit("the messages are not on the page")
    clip: FloatRect = {
        "x": first["x"],
        "y": first["y"] - MARGIN,
        "width": WIDTH,
        "height": last["y"] + last["height"] - first["y"] + 2 * MARGIN,
    }
    await page.screenshot(path=PICTURE, clip=clip)


async def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium found: install it, for example with `apt-get install chromium`")
    PICTURE.parent.mkdir(exist_ok=True)
    async with Stage() as stage, async_playwright() as playwright:
        await act(stage)
        async with stage.env.preview(stage.channel, viewers=[stage.ann], layout="channel") as preview:
            browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            page = await browser.new_page(
                viewport={"width": 1100, "height": 1800}, color_scheme="dark", device_scale_factor=1
            )
            await page.goto(preview.url)
            await shoot(page)
            await browser.close()
    size = PICTURE.stat().st_size
    if size > LARGEST:
        sys.exit(f"{PICTURE} has {size} bytes, more than {LARGEST}")
    print(f"{PICTURE}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
