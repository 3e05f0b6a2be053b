"""The demo's page: the stage's channel in a browser, kept live until somebody ends it.

The simulated server publishes nothing by itself. So a beat twice a second moves the stage's time on to the
present, in which the bot does its work, and publishes what has come of it. Beats and the visitors' actions
take turns.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from simcord import Preview, SetupError

from demo.stage import Stage
from sim.task_api.renders import EXAMPLES, SUCCEEDS

BEAT_SECONDS: Final = 0.5


async def serve_page(port: int, speed: float, language: str, tell: Callable[[str], None]) -> None:
    """Serve the page until somebody ends it there; `tell` gets what a person must know.

    Raises:
        OSError: the port cannot be had.
    """
    async with Stage(speed, language) as stage:
        tell(f"The bot is logged in, and asks a simulated Veo task API on {stage.api.base_url}.")
        viewers = [stage.ann, stage.marco, stage.mei]
        try:
            async with stage.env.preview(
                stage.channel, viewers=viewers, layout="channel", port=port
            ) as preview:
                _tell_what_to_do(preview.url, tell)
                await keep_live(stage, preview)
        except SetupError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise


async def keep_live(stage: Stage, preview: Preview) -> None:
    """Let time pass on the stage and show it on the page until the page is closed."""
    turn = asyncio.Lock()
    _let_visitors_act(preview, turn)
    closed = asyncio.create_task(preview.wait_closed())
    try:
        while not closed.done():
            await asyncio.wait([closed], timeout=BEAT_SECONDS)
            # A beat that does not come off, because something else is going on, is made up for by the next.
            with suppress(SetupError, TimeoutError):
                async with turn:
                    await stage.catch_up()
                    await preview.refresh()
    finally:
        closed.cancel()


def _let_visitors_act(preview: Preview, turn: asyncio.Lock) -> None:
    """Make visitors' actions wait for their turn, and take them from a page that is a beat behind.

    SimCord refuses an action while time moves on, and one from a page that has not yet shown the newest
    beat, which is so half of the time. It has no switch for this, hence the reach into its inside; what an
    action is about is still checked against the present.
    """
    act = preview._action  # noqa: SLF001

    async def in_turn(context_id: str | None, body: Any) -> dict[str, Any]:
        async with turn:
            page = preview._pages.get(context_id or "")  # noqa: SLF001
            if page is not None and isinstance(body, dict) and "published_revision" in body:
                body = {**body, "published_revision": page.revision}
            return await act(context_id, body)

    preview._action = in_turn  # type: ignore[method-assign]  # noqa: SLF001


def _tell_what_to_do(url: str, tell: Callable[[str], None]) -> None:
    tell(f"\nOpen this address in a browser on this machine:\n\n    {url}\n")
    tell("In the page's message box\n")
    tell("    type   /veo watch   and press Enter,")
    tell(f"    paste  {SUCCEEDS.id}   and press Enter.\n")
    tell("/veo status looks once. These renders are there; each starts when somebody first asks for it:\n")
    for render in EXAMPLES:
        tell(f"    {render.id}  {render.says}")
    tell("\nSeveral ids in one /veo watch share a card. /veo list and /veo stop do what they say.")
    tell("“Viewing as” at the top of the page makes you somebody else: press “Notify me” as Marco,")
    tell("and the result calls both of you. Ctrl-C ends the demo.")
