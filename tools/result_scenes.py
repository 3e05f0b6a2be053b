"""Scenes to look at results by: alone and in a batch, with videos and with links only, long errors."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from demo.reading import button_of
from demo.stage import Stage
from sim.task_api.answers import Answer
from sim.task_api.renders import FAILS, QUEUES, SIGNATURE, STALLS, SUCCEEDS
from tools.card_scenes import IDS, SHOTS, failed, ready, render, watch

TALK: Final = {
    "en": "The light is lovely. Take the first one, and let’s see the harbour at night.",
    "zh-CN": "光线很美。用第一个吧，再看看夜晚的港口。",
}


async def one_by_one(stage: Stage) -> None:
    """One render succeeds while people talk, and another is half done."""
    env, channel, names = stage.env, stage.channel, SHOTS[stage.language]
    await stage.ann.slash(channel, "veo watch", id=SUCCEEDS.id, name=names[1])
    await env.advance_time(40)
    await stage.marco.slash(channel, "veo watch", id=SUCCEEDS.id)
    await env.advance_time(30)
    await stage.mei.send(channel, TALK[stage.language])
    await stage.marco.slash(channel, "veo watch", id=STALLS.id, name=names[0])
    await env.advance_time(35)


async def together(stage: Stage) -> None:
    """Several renders of a message share a card: one failed, two running, one queued."""
    env, channel = stage.env, stage.channel
    renders = (SUCCEEDS, FAILS, STALLS, QUEUES)
    lines = [f"{name}: `{task.id}`" for name, task in zip(SHOTS[stage.language], renders, strict=True)]
    message = await stage.marco.send(channel, "\n".join(lines))
    card = (await stage.mei.context_menu(channel, "Watch Veo tasks", message)).response
    await env.advance_time(20)
    if card is not None and (button := button_of(card.components, "veo:notify:")) is not None:
        await stage.ann.click(card, custom_id=button["custom_id"])
    await env.advance_time(25)


def signed(stage: Stage, host: str = "") -> list[str]:
    """Return five links of 600 characters: of the stage's own videos, or at a host that has none."""
    base = f"https://{host}/renders" if host else f"{stage.api.base_url}/media"
    links = (
        f"{base}/{'sunrise' if number % 2 else 'waves'}.mp4?take={number}&{SIGNATURE}" for number in range(5)
    )
    return [f"{link}&X-Amz-Meta=".ljust(600, "0") for link in links]


def ready_with(urls: Sequence[str], **times: int) -> Answer:
    videos = {"videos": [{"url": url} for url in urls]}
    return Answer.json({"state": "succeeded", "progress": 100, "data": videos, **times})


async def result_of(stage: Stage, answer: Answer) -> None:
    """A render that ends with this answer while people watch it."""
    stage.api.set(IDS[0], [render(stage, "running", 80, minutes=4), answer])
    await watch(stage, IDS[:1], SHOTS[stage.language][0])
    await stage.marco.slash(stage.channel, "veo watch", id=IDS[0])
    await stage.env.advance_time(40)


async def attached(stage: Stage) -> None:
    """Five videos of signed links, attached."""
    await result_of(stage, ready_with(signed(stage), create_time=int(stage.now()) - 240))


async def linked(stage: Stage) -> None:
    """Five signed links of which no video can be fetched."""
    await result_of(stage, ready_with(signed(stage, "cdn.example.com"), create_time=int(stage.now()) - 240))


async def batch(stage: Stage) -> None:
    """Nine takes of one shot, one of which fails, with the summary at their end."""
    for number, task_id in enumerate(IDS[:9]):
        answer = failed("The model is busy.") if number == 4 else ready(number)  # noqa: PLR2004
        moving = [render(stage, "running", percent) for percent in range(20, 20 + 3 * number, 3)]
        stage.api.set(task_id, [render(stage, "running", 10), *moving, answer])
    await watch(stage, IDS[:9], SHOTS[stage.language][0])
    await stage.marco.slash(stage.channel, "veo watch", id=IDS[4])
    await stage.env.advance_time(90)


async def long_error(stage: Stage) -> None:
    """An error of which not all fits a message."""
    await result_of(stage, failed("The prompt does not follow our content policy. " * 40))


async def ended_before(stage: Stage) -> None:
    """Renders that had already ended: asked for once, and watched."""
    now = int(stage.now())
    stage.api.set(IDS[0], ready_with(signed(stage)[:2], create_time=now - 900, update_time=now - 600))
    stage.api.set(IDS[1], failed("The prompt does not follow our content policy."))
    await watch(stage, IDS[:1])
    await stage.marco.slash(stage.channel, "veo status", id=IDS[1])
    await stage.env.advance_time(10)


RESULT_SCENES: Final[dict[str, Callable[[Stage], Awaitable[None]]]] = {
    "one-by-one": one_by_one,
    "together": together,
    "attached": attached,
    "linked": linked,
    "batch": batch,
    "long-error": long_error,
    "ended-before": ended_before,
}
