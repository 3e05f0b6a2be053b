"""The demo's page: the stage's channel in a browser, kept live until it is closed.

The simulated server publishes nothing by itself. Twice a second, a tick advances the stage to the present,
which lets the bot work, and publishes the result. Ticks and visitors' actions take turns.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from simcord import Preview, SetupError

from demo.stage import Stage
from sim.task_api.renders import EXAMPLES

TICK_SECONDS: Final = 0.5


async def serve_page(port: int, speed: float, language: str, tell: Callable[[str], None]) -> None:
    """Serve the page until it is closed; `tell` gets the lines for the terminal.

    Raises:
        OSError: the port is not available.
    """
    async with Stage(speed, language) as stage:
        tell(
            stage.text(
                "The bot is logged in and polls a simulated Veo task API on {url}.", url=stage.api.base_url
            )
        )
        try:
            async with stage.preview([stage.ann, stage.marco, stage.mei], port=port) as preview:
                _print_instructions(stage, preview.url, tell)
                await keep_live(stage, preview)
        except SetupError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise


async def keep_live(stage: Stage, preview: Preview) -> None:
    """Advance the stage and refresh the page until the page is closed."""
    turn = asyncio.Lock()
    _serialize_actions(preview, turn)
    closed = asyncio.create_task(preview.wait_closed())
    try:
        while not closed.done():
            await asyncio.wait([closed], timeout=TICK_SECONDS)
            # A tick that fails because something else is under way is made up for by the next one.
            with suppress(SetupError, TimeoutError):
                async with turn:
                    await stage.catch_up()
                    await preview.refresh()
    finally:
        closed.cancel()


def _serialize_actions(preview: Preview, turn: asyncio.Lock) -> None:
    """Make visitors' actions wait for their turn, and accept them from a page that is one tick behind.

    SimCord refuses an action while time advances, and one from a page that does not show the newest revision
    yet, which is the case half of the time. It has no option for this, so its internals are patched. What
    an action refers to is still checked against the present.
    """
    act = preview._action  # noqa: SLF001

    async def in_turn(context_id: str | None, body: Any) -> dict[str, Any]:
        async with turn:
            page = preview._pages.get(context_id or "")  # noqa: SLF001
            if page is not None and isinstance(body, dict) and "published_revision" in body:
                body = {**body, "published_revision": page.revision}
            return await act(context_id, body)

    preview._action = in_turn  # type: ignore[method-assign]  # noqa: SLF001


def _print_instructions(stage: Stage, url: str, tell: Callable[[str], None]) -> None:
    tell("\n" + stage.text("Open this address in a browser on this machine:") + f"\n\n    {url}\n")
    tell(
        stage.text("The page says what to type. Each of these renders starts when it is first asked for:")
        + "\n"
    )
    for render in EXAMPLES:
        tell(f"    {render.id}  {stage.text(render.says)}")
    tell("\n" + stage.text("Press Ctrl-C to end the demo."))
