"""Scenes to look at cards and private answers by: every state and ending, ten renders, outages, the list."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from demo.reading import button_of
from demo.stage import Stage
from sim.task_api.answers import Answer

IDS: Final = [f"{0x1CB280B3 + number * 0x0F0E1D2C:08x}-442e-4db2-83f0-6e73616eb474" for number in range(10)]
SHOTS: Final = {
    "en": ("Harbour at night", "Sunrise over the bay", "Storm, take 3", "Fog"),
    "zh-CN": ("夜晚的港口", "海湾日出", "暴风雨 第三镜", "雾"),
}
LONG: Final = {
    "en": "Lighthouse in the fog, slow push-in from the water, second cut for the client",
    "zh-CN": "雾中的灯塔，从水面缓慢推近，给客户看的第二版，请不要和上周的第一版混淆，颜色以样片为准",
}


def render(stage: Stage, state: str, progress: int | None, *, minutes: float = 1, still: float = 0) -> Answer:
    """Return an answer about a render that was created some minutes ago, unchanged for the last `still`."""
    now = stage.now()
    return Answer.json(
        {
            "state": state,
            "progress": progress,
            "create_time": int(now - minutes * 60),
            "update_time": int(now - still * 60),
            "message": "",
            "action": "generate",
            "data": {"videos": []},
        }
    )


def ready(number: int) -> Answer:
    url = f"https://cdn.example.com/renders/{number}.mp4"
    return Answer.json({"state": "succeeded", "progress": 100, "data": {"videos": [{"url": url}]}})


def failed(message: str) -> Answer:
    return Answer.json({"state": "error", "progress": 62, "message": message})


async def watch(stage: Stage, ids: Sequence[str], name: str = "") -> None:
    await stage.ann.slash(stage.channel, "veo watch", id=" ".join(ids), **({"name": name} if name else {}))


async def one_through_all_states(stage: Stage) -> None:
    """The same card in each state that a render can have, one below the other."""
    moving = [render(stage, "running", percent, minutes=3) for percent in range(20, 100, 4)]
    broken = Answer.json({"message": "internal error: shard 7"}, 500)
    lasting: list[Any] = [
        [Answer.json({"message": "task not found"}, 404)],
        [render(stage, "pending", 0, minutes=2, still=2)],
        moving,
        [render(stage, "running", 40, minutes=31, still=24)],
        [render(stage, "running", 40, minutes=5), *[broken] * 99],
        [
            render(stage, "running", 80),
            Answer.json({"state": "succeeded", "progress": 100, "data": {"videos": []}}),
        ],
        [render(stage, "running", 80), ready(1)],
        [render(stage, "running", 60), failed("The prompt does not follow our content policy.")],
    ]
    for number, (task_id, answers) in enumerate(zip(IDS, lasting, strict=False)):
        stage.api.set(task_id, answers)
        await watch(stage, [task_id], SHOTS[stage.language][number % 4] if number % 2 else "")
        if number == 4:  # noqa: PLR2004  # a task fails for some time before its card says so
            await stage.env.advance_time(30)
    await stage.env.advance_time(9)


async def ten(stage: Stage, name: str = "", *, at: float = 30) -> None:
    """Ten renders in different states on one card, followed by three people."""
    ids = IDS
    states: list[Any] = [
        [render(stage, "running", 80), ready(1)],
        [render(stage, "running", 80), ready(2)],
        [render(stage, "running", 60), failed("The prompt does not follow our content policy.")],
        [render(stage, "running", 40, minutes=31, still=24)],
        *(
            [render(stage, "running", percent, minutes=3) for percent in range(start, 100, 3)]
            for start in (50, 35, 20)
        ),
        *([render(stage, "pending", 0, minutes=4, still=4)] for _ in range(3)),
    ]
    for task_id, answers in zip(ids, states, strict=True):
        stage.api.set(task_id, answers)
    await watch(stage, ids, name)
    await stage.marco.slash(stage.channel, "veo watch", id=ids[4])
    await stage.mei.slash(stage.channel, "veo watch", id=ids[4])
    await stage.env.advance_time(at)


async def ten_named(stage: Stage) -> None:
    await ten(stage, SHOTS[stage.language][0])


async def ten_with_long_names(stage: Stage) -> None:
    await ten(stage, LONG[stage.language])


async def named_in_a_message(stage: Stage) -> None:
    """A message names its renders, and one of them stands still."""
    names = SHOTS[stage.language]
    for number, task_id in enumerate(IDS[:4]):
        stage.api.set(
            task_id, render(stage, "running", 10 + 20 * number, minutes=40, still=25 if number == 1 else 0)
        )
    lines = "\n".join(f"- {name}: {task_id}" for name, task_id in zip(names, IDS, strict=False))
    message = await stage.mei.send(stage.channel, lines)
    await stage.marco.context_menu(stage.channel, "Watch Veo tasks", message)
    await stage.env.advance_time(5)


async def stalled(stage: Stage) -> None:
    """A render that has stood still for half an hour."""
    stage.api.set(IDS[0], render(stage, "running", 40, minutes=33, still=30))
    await watch(stage, IDS[:1], SHOTS[stage.language][0])
    await stage.env.advance_time(5)


async def all_listed(stage: Stage) -> None:
    """The list with live and ended renders, with and without names."""
    await ten(stage, SHOTS[stage.language][1])
    await stage.mei.slash(stage.channel, "veo list")


async def endings(stage: Stage) -> None:
    """Cards in their final form: stopped, without a video, vanished, unknown, not changing for hours."""
    gone = Answer.json({"message": "task not found"}, 404)
    moving = render(stage, "running", 40)
    empty = Answer.json({"state": "succeeded", "progress": 100, "data": {"videos": []}})
    lasting: list[Any] = [[moving], [moving, empty], [moving, gone], [gone], [render(stage, "running", 40)]]
    for number, (task_id, answers) in enumerate(zip(IDS, lasting, strict=False)):
        stage.api.set(task_id, answers)
        await watch(stage, [task_id], SHOTS[stage.language][number % 4] if number % 2 else "")
    await stage.ann.slash(stage.channel, "veo stop", id=IDS[0])
    for _ in range(25):
        await stage.env.advance_time(300)


async def outage(stage: Stage) -> None:
    """Cards while the task API is down, and a question meanwhile."""
    for number, task_id in enumerate(IDS[:3]):
        stage.api.set(task_id, render(stage, "running", 30 + number))
    await watch(stage, IDS[:1], SHOTS[stage.language][0])
    await watch(stage, IDS[1:3])
    stage.api.fail_all(Answer.json({"message": "bad gateway"}, 502))
    await stage.env.advance_time(90)
    await stage.ann.slash(stage.channel, "veo status", id=IDS[4])


async def key_refused(stage: Stage) -> None:
    """A card while the task API refuses the key."""
    stage.api.set(IDS[0], render(stage, "running", 30))
    await watch(stage, IDS[:1], SHOTS[stage.language][0])
    stage.api.fail_all(Answer.json({"message": "invalid key"}, 401))
    await stage.env.advance_time(90)


async def private_answers(stage: Stage) -> None:
    """What only the asker sees, one below the other."""
    slash, channel = stage.ann.slash, stage.channel
    stage.api.set(IDS[0], render(stage, "running", 30))
    stage.api.set(IDS[1], Answer.json({"message": "task not found"}, 404))
    stage.api.set(IDS[2], Answer.json({"message": "invalid key"}, 401))
    await slash(channel, "veo list")
    card = (await stage.mei.slash(channel, "veo watch", id=IDS[0], name=SHOTS[stage.language][0])).response
    await slash(channel, "veo watch", id="../admin")
    await slash(
        channel, "veo watch", id=f"curl -H 'Authorization: s3cr3t-key-99' https://api.example.com/{IDS[0]}"
    )
    for task_id in IDS[1:3]:
        await slash(channel, "veo status", id=task_id)
    await slash(channel, "veo stop", id=IDS[0])
    await slash(channel, "veo stop", id=IDS[5])
    if card is not None and (button := button_of(card.components, "veo:notify:")) is not None:
        await stage.ann.click(card, custom_id=button["custom_id"])
    message = await stage.mei.send(channel, "Lunch?")
    await stage.ann.context_menu(channel, "Watch Veo tasks", message)


CARD_SCENES: Final[dict[str, Callable[[Stage], Awaitable[None]]]] = {
    "states": one_through_all_states,
    "ten": ten,
    "ten-named": ten_named,
    "ten-long": ten_with_long_names,
    "message": named_in_a_message,
    "stalled": stalled,
    "listed": all_listed,
    "endings": endings,
    "outage": outage,
    "key-refused": key_refused,
    "answers": private_answers,
}
SLOW_SCENES: Final = {"endings"}
