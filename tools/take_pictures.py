"""Take the pictures of the demo for the pages and write them to `docs`: `python -m tools.take_pictures`.

`python -m tools.take_pictures --cards FOLDER [SCENE…]` takes pictures to look at cards by, in both languages,
as wide as a desktop and as a phone, dark and light.

It needs Chromium. Time is virtual, so it takes seconds; two runs differ only in their dates.
"""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, FloatRect, Page, ViewportSize, async_playwright

from bot.messages import LANGUAGES
from demo.reading import button_of
from demo.stage import Stage
from sim.task_api.renders import FAILS, QUEUES, STALLS, SUCCEEDS
from tools.card_scenes import CARD_SCENES, SLOW_SCENES

PICTURES: Final = Path(__file__).parent.parent / "docs"
WIDTH: Final = 728
WIDTHS: Final = (1000, 390)
"""Of the pictures to look at cards by."""
HOURS: Final = 0.1
"""The speed of scenes that last for hours: the bot polls rarely, so that they are soon over."""
MARGIN: Final = 12
LARGEST: Final = 250_000
"""Maximum size of a picture in bytes."""
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
"""Seeks every video on the page to a frame in its later part."""
THEMES: Final = {"dark": "", "light": Path(__file__).with_name("light.css").read_text("utf-8")}
PAINT: Final = """css => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet];
}"""
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


async def one_by_one(stage: Stage) -> None:
    """One render succeeds while people talk, and another is half done."""
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


async def together(stage: Stage) -> None:
    """Several renders share a card: one done, one failed, one running, one queued."""
    env, channel = stage.env, stage.channel
    await stage.marco.send(channel, "The four for Friday. Press the bell if you want to know.")
    renders = (SUCCEEDS, FAILS, STALLS, QUEUES)
    card = (await stage.marco.slash(channel, "veo watch", id=" ".join(r.id for r in renders))).response
    if card is None:
        sys.exit("the watch was not answered")
    await env.advance_time(20)
    button = button_of(card.components, "veo:notify:")
    await stage.mei.click(card, custom_id=button["custom_id"] if button else "")
    await env.advance_time(25)


async def listed(stage: Stage) -> None:
    """Ann lists what other people watch, and types something that is not an id."""
    env, channel = stage.env, stage.channel
    await stage.marco.slash(channel, "veo watch", id=STALLS.id)
    await stage.mei.slash(channel, "veo watch", id=QUEUES.id)
    await env.advance_time(30)
    await stage.ann.slash(channel, "veo list")
    await stage.ann.slash(channel, "veo watch", id="../admin")


SCENES: Final[dict[str, tuple[str, Callable[[Stage], Awaitable[None]]]]] = {
    "demo": ("en", one_by_one),
    "demo-zh": ("zh-CN", one_by_one),
    "together": ("en", together),
    "together-zh": ("zh-CN", together),
    "list": ("en", listed),
    "list-zh": ("zh-CN", listed),
}
"""Each picture's language and scene."""


async def shoot(page: Page, picture: Path, width: int = WIDTH) -> None:
    """Take a screenshot of all messages but the first, which only lists the examples."""
    articles = page.locator("article.channel-message")
    await articles.nth(1).wait_for()
    await page.evaluate("document.fonts.ready")
    await page.evaluate(SHOW_FRAMES)
    first, last = await articles.nth(1).bounding_box(), await articles.last.bounding_box()
    if first is None or last is None:
        sys.exit("the messages are not on the page")
    clip: FloatRect = {
        "x": first["x"],
        "y": first["y"] - MARGIN,
        "width": width,
        "height": last["y"] + last["height"] - first["y"] + 2 * MARGIN,
    }
    await page.screenshot(path=picture, clip=clip)


async def take_cards(browser: Browser, folder: Path, names: Sequence[str]) -> None:
    """Take the pictures of `card_scenes`, whole pages without the first message."""
    for name, language in product(names or CARD_SCENES, LANGUAGES):
        speed = HOURS if name in SLOW_SCENES else 1
        async with Stage(speed, language) as stage:
            await CARD_SCENES[name](stage)
            viewer = stage.mei if name == "listed" else stage.ann
            async with stage.preview([viewer]) as preview:
                for width in WIDTHS:
                    size: ViewportSize = {"width": width, "height": 3600}
                    page = await browser.new_page(viewport=size)
                    await page.goto(preview.url)
                    for theme, css in THEMES.items():
                        await page.evaluate(PAINT, css)
                        await shoot(page, folder / f"{name}-{language}-{width}-{theme}.png", width)
                    await page.close()


async def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium found: install it, for example with `apt-get install chromium`")
    PICTURES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        if sys.argv[1:2] == ["--cards"]:
            await take_cards(browser, Path(sys.argv[2]), sys.argv[3:])
        else:
            for name in sys.argv[1:] or SCENES:
                await take(browser, name)
        await browser.close()


async def take(browser: Browser, name: str) -> None:
    language, act = SCENES[name]
    picture = PICTURES / f"{name}.png"
    page = await browser.new_page(
        viewport={"width": 740, "height": 1800}, color_scheme="dark", device_scale_factor=1
    )
    async with Stage(language=language) as stage:
        await act(stage)
        async with stage.preview([stage.ann]) as preview:
            await page.goto(preview.url)
            await shoot(page, picture)
            await page.close()
    size = picture.stat().st_size
    if size > LARGEST:
        sys.exit(f"{picture} has {size} bytes, more than {LARGEST}")
    print(f"{picture}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
