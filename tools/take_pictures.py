"""Take the gallery's pictures and write them to `docs/pictures`: `python -m tools.take_pictures [NAME…]`.

`python -m tools.take_pictures --all FOLDER [SCENE…]` takes pictures to look at: of every scene, in both
languages, as wide as a desktop and as a phone, dark and light.

It needs Chromium. Time is virtual, so it takes minutes at most; two runs differ only in their dates.
"""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image
from playwright.async_api import Browser, FloatRect, Page, ViewportSize, async_playwright

from bot.messages import LANGUAGES
from demo.stage import Stage
from tools.card_scenes import CARD_SCENES, SLOW_SCENES
from tools.result_scenes import RESULT_SCENES

PICTURES: Final = Path(__file__).parent.parent / "docs" / "pictures"
WIDTHS: Final = (1000, 390)
HEIGHT: Final = 3600
HOURS: Final = 0.1
"""The speed of scenes that last for hours: the bot polls rarely, so that they are soon over."""
MARGIN: Final = 12
COLOURS: Final = 256
LARGEST: Final = 1_500_000
"""Bytes of the whole gallery."""
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


SCENES: Final = {**CARD_SCENES, **RESULT_SCENES}


class Picture(NamedTuple):
    """A picture of the gallery."""

    scene: str
    language: str = "en"
    width: int = 1000
    theme: str = "dark"


GALLERY: Final = {
    "together": Picture("together"),
    "one-by-one": Picture("one-by-one"),
    "batch": Picture("batch"),
    "batch-phone": Picture("batch", width=390, theme="light"),
    "attached-phone": Picture("attached", width=390),
    "linked": Picture("linked"),
    "long-error": Picture("long-error", theme="light"),
    "states": Picture("states"),
    "endings": Picture("endings", theme="light"),
    "outage": Picture("outage"),
    "list": Picture("listed"),
    "answers": Picture("answers", theme="light"),
    "together-zh": Picture("together", "zh-CN", theme="light"),
    "batch-zh-phone": Picture("batch", "zh-CN", 390),
    "states-zh-phone": Picture("states", "zh-CN", 390, "light"),
    "ended-before-zh": Picture("ended-before", "zh-CN"),
    "list-zh": Picture("listed", "zh-CN"),
    "answers-zh-phone": Picture("answers", "zh-CN", 390),
}


async def shoot(page: Page, picture: Path, width: int) -> None:
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
        "width": min(width, first["width"]),
        "height": last["y"] + last["height"] - first["y"] + 2 * MARGIN,
    }
    save(await page.screenshot(clip=clip), picture)


def save(png: bytes, picture: Path) -> None:
    """Write a picture with few colours."""
    taken = Image.open(BytesIO(png)).convert("RGB")
    taken.quantize(COLOURS, kmeans=8, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(f"{picture}: {taken.width} × {taken.height}, {picture.stat().st_size / 1000:.0f} kB")


async def take(browser: Browser, folder: Path, wanted: Mapping[str, Picture]) -> None:
    """Take pictures, by their names, of the same scene and language in one go."""
    for scene, language in dict.fromkeys((picture.scene, picture.language) for picture in wanted.values()):
        async with Stage(HOURS if scene in SLOW_SCENES else 1, language) as stage:
            await SCENES[scene](stage)
            async with stage.preview([stage.mei if scene == "listed" else stage.ann]) as preview:
                for name, picture in wanted.items():
                    if (picture.scene, picture.language) == (scene, language):
                        size: ViewportSize = {"width": picture.width, "height": HEIGHT}
                        page = await browser.new_page(viewport=size)
                        await page.goto(preview.url)
                        await page.evaluate(PAINT, THEMES[picture.theme])
                        await shoot(page, folder / f"{name}.png", picture.width)
                        await page.close()


async def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium found: install it, for example with `apt-get install chromium`")
    if sys.argv[1:2] == ["--all"]:
        folder, scenes = Path(sys.argv[2]), sys.argv[3:] or SCENES
        wanted = {
            "-".join(map(str, kind)): Picture(*kind) for kind in product(scenes, LANGUAGES, WIDTHS, THEMES)
        }
    else:
        folder, wanted = PICTURES, {name: GALLERY[name] for name in sys.argv[1:] or GALLERY}
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        await take(browser, folder, wanted)
        await browser.close()
    size = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    if size > LARGEST:
        sys.exit(f"{PICTURES} has {size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    asyncio.run(main())
