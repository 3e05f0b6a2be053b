"""What must hold of a seed: each watch ended once and rightly, nothing refused for good was repeated.

The verdict goes by what stands in the channels and what reached the simulators; the database is only asked
which watches were promised and how they are said to have ended.
"""

import json
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from simulation.batches import judge_batches
from simulation.world import World
from store.places import sql
from wire.place import START

from bot.cards.text import NAME_LIMIT, plain, short_id
from bot.core.concurrency import BOUNDS
from bot.core.health import IMPOSSIBLE_ID
from bot.core.outcome import Ending
from sim.discord import Message
from sim.discord.ids import snowflake_time

CARD_GONE = 10008
INVALID = {401, 403, 429}
MOST_INVALID = 1_000
POLL_MIN_SECONDS = 3.0
POLL_MAX_SECONDS = 20.0
LATE_SECONDS = 30.0
"""How long after its due time a poll may begin, whatever other tasks are answered."""
POISONED_ENDS = frozenset({Ending.NO_SUCH_TASK, Ending.REFUSED, Ending.STALLED, Ending.TOO_OLD})
SAME_LOOK_SECONDS = 0.05
LINE = "Checking"


@dataclass
class Verdict:
    """What was wrong with a seed, by kind; and how much happened in it."""

    seed: int
    problems: list[tuple[str, str]] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    crashes: int = 0
    watches: int = 0
    results: int = 0
    summaries: int = 0
    early: int = 0
    """Summaries that did not wait for a last task."""
    requests: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)

    def wrong(self, kind: str, what: str) -> None:
        self.problems.append((kind, what))

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.problems}


@dataclass(frozen=True)
class Row:
    """A watch as the database has it at the end."""

    id: int
    task_id: str
    state: str
    ending: Ending | None
    started_at: float
    ended_at: float
    message_id: int
    channel_id: int
    parts: int
    name: str


def judge(seed: int, world: World, unfinished: bool) -> Verdict:
    """Look through everything that a seed has left behind."""
    verdict = Verdict(
        seed,
        diary=world.diary,
        crashes=world.counts["crash"],
        requests=len(world.here.sim.requests) + len(world.here.api.requests),
        seconds=world.here.clock() - START,
    )
    rows = _rows(world)
    verdict.watches = len(rows)
    if unfinished:
        open_rows = [row for row in rows if row.state != "done"]
        verdict.wrong("lost", f"still unfinished in the end: {open_rows}")
    for row in rows:
        _judge_watch(verdict, world, row)
    judge_batches(verdict, world)
    _judge_promises(verdict, world, rows)
    for line in lines_left(world):
        verdict.wrong("left behind", f"{line.text!r} in {line.channel.name}")
    _judge_refusals(verdict, world)
    _judge_pace(verdict, world)
    if not world.jumps:  # else the watches' times are not those of the requests
        _judge_lateness(verdict, world, rows)
    return verdict


def lines_left(world: World) -> list[Message]:
    """List the lines that announce answers and have become none, where the bot could have deleted them."""
    return [
        message
        for channel in world.channels
        if channel.id not in world.closed
        for message in channel.history
        if message.author is world.here.sim.bot
        and message.content.startswith(LINE)
        and not any(begin <= snowflake_time(message.id) <= end for begin, end in world.unsaved)
    ]


def _rows(world: World) -> list[Row]:
    query = """
        SELECT w.id, w.task_id, w.state, CAST(w.outcome AS text), w.started_at, w.ended_at,
               c.message_id, c.channel_id, (SELECT count(*) FROM deliveries d WHERE d.watch_id = w.id), w.name
        FROM watches w JOIN cards c ON c.id = w.card_id
    """
    return [_row(columns) for columns in sql(world.here.location, query)]


def _row(columns: tuple[Any, ...]) -> Row:
    number, task_id, state, outcome, started_at, ended_at, message_id, channel_id, parts, name = columns
    ending = None if outcome is None else Ending(json.loads(outcome)["ending"])
    return Row(
        number, task_id, state, ending, started_at, ended_at or 0.0, message_id, channel_id, parts, name
    )


def _judge_watch(verdict: Verdict, world: World, row: Row) -> None:
    if row.ending is None:
        return  # told as unfinished
    verdict.ends[row.ending.value] += 1
    card = world.here.sim.world.channels[row.channel_id].messages.get(row.message_id)
    if card is None:
        verdict.wrong("lost", f"{row} is on no message")
        return
    _judge_end(verdict, world, row, card)
    posted = Counter(_said(reply) for reply in _replies(world, card, row.task_id))
    verdict.results += bool(posted)
    if doubled := [text for text, times in posted.items() if times > 1]:
        verdict.wrong("doubled", f"{row}: {doubled}")
    reachable = row.channel_id not in world.closed
    wanted = row.parts if row.ending.announced else 0
    if row.ending.announced and reachable and (len(posted) < wanted or not wanted):
        verdict.wrong("lost", f"{row}: {len(posted)} of {wanted} messages")
    if len(posted) > wanted:
        verdict.wrong("doubled", f"{row}: {len(posted)} messages instead of {wanted}")
    if reachable and row.ending.shown and not card.deleted and not _is_final(card, row):
        verdict.wrong("lost", f"{row}: its card does not show the end: {card.text!r}")
    _judge_edits(verdict, row, card)


def _said(reply: Message) -> str:
    """Return a message's content as it is without videos: a doubled result may have them once."""
    return re.sub(r"(?m)^\[.*\]\(<(http.*)>\) · .*$", r"\1", reply.content)


def _judge_end(verdict: Verdict, world: World, row: Row, card: Message) -> None:
    """Hold how a watch ended against what its task, people and Discord did."""
    allowed = set(POISONED_ENDS if row.task_id in world.poisoned else world.lives[row.task_id].ends)
    if world.damage >= world.stalled_hours * 3_600:
        allowed.add(Ending.STALLED)
    # Their limit is short, and a row of bad answers is read at longer and longer intervals.
    if world.has_several_bots and row.task_id in world.badly_answered:
        allowed.add(Ending.STALLED)
    if row.channel_id in world.stopped:
        allowed.add(Ending.STOPPED)
    if row.channel_id in world.closed:
        allowed.add(Ending.ACCESS_LOST)
    if card.deleted:
        allowed.add(Ending.CARD_DELETED)
    if row.task_id in world.disturbed:
        allowed |= {Ending.VANISHED, Ending.NO_SUCH_TASK}
    # An hour of nobody looking, or a clock that was set, can make anything too old or its first minute pass.
    if verdict.seconds + world.jumps > 4 * 3_600:
        allowed.add(Ending.TOO_OLD)
    if row.ending not in allowed:
        verdict.wrong("wrong end", f"{row}: {sorted(allowed)} are possible")


def _replies(world: World, card: Message, task_id: str) -> list[Message]:
    return [
        message
        for message in card.channel.messages.values()
        if (message.reference is card or (message.reference is None and _has_nonce_of(card, message)))
        and message.author is world.here.sim.bot
        and f"`{task_id}`" in message.content
        and message.interaction is None
        and not message.ephemeral
    ]


def _has_nonce_of(card: Message, message: Message) -> bool:
    """Tell the result of a card that is gone: it is no reply."""
    return str(message.nonce).startswith(f"{card.id:x}-")


def _is_final(card: Message, row: Row) -> bool:
    """Tell whether a card shows a task's end: its row there, and no button once all rows have one."""
    # A row cuts a long name behind its number.
    names = {row.task_id, short_id(row.task_id), plain(row.name[:20], NAME_LIMIT)} - {""}
    text = card.text.replace("\xa0", " ")  # which keeps a name's number on the line of its name
    return any(name in text for name in names) and not any(
        "veo:stop" in b.get("custom_id", "") for b in card.buttons
    )


def _judge_edits(verdict: Verdict, row: Row, card: Message) -> None:
    """Nothing may follow the form that shows all of a card's tasks as ended."""
    final = False
    for edit in card.edits:
        live = '"veo:stop' in json.dumps(edit.body)
        if final and live:
            verdict.wrong("progress after the end", f"{row}: at {edit.at - START:.3f}")
        final = final or (not live and bool(edit.body.get("components")))


def _judge_promises(verdict: Verdict, world: World, rows: list[Row]) -> None:
    """Every message that ever showed a card's buttons has its row."""
    known = {row.message_id for row in rows}
    for channel in world.here.sim.world.channels.values():
        for message in channel.messages.values():
            promised = any('"veo:stop' in json.dumps(edit.body) for edit in message.edits)
            if promised and message.id not in known:
                verdict.wrong("lost", f"{message} promised to watch and has no row")


def _judge_refusals(verdict: Verdict, world: World) -> None:
    """No process touches a card again that is gone, and no ten minutes come near a ban."""
    at = [request.at for request in world.here.sim.requests if request.status in INVALID]
    most = max((bisect_left(at, begin + 600) - n for n, begin in enumerate(at)), default=0)
    if most >= MOST_INVALID:
        verdict.wrong("near a ban", f"{most} refused requests in ten minutes")
    refused: Counter[tuple[object, ...]] = Counter()
    for request in world.here.sim.requests:
        if request.code == CARD_GONE and request.method == "PATCH" and request.authorization == "bot":
            body = request.body if isinstance(request.body, dict) else {}
            life = sum(request.at > end for _, end in world.lifetimes)
            about = str(body.get("message_reference")) + str(body.get("nonce"))
            refused[life, request.method, request.path, about, bool(request.files)] += 1
    for call, times in refused.items():
        if times > len(world.machines):
            verdict.wrong("repeated a refusal", f"{call}: {times} times")


def _judge_pace(verdict: Verdict, world: World) -> None:
    """No task is asked about more often than the pace allows; people's own looks come on top."""
    api = world.here.api
    if api.max_in_flight > BOUNDS[1] * len(world.machines) + len(world.people) * 10:
        verdict.wrong("too fast", f"{api.max_in_flight} requests at once")
    asked: dict[str, list[float]] = {}
    for request in api.requests:
        # While no key was accepted yet, a refused look is repeated with "Bearer" before the key.
        if request.task_id != IMPOSSIBLE_ID and request.authorization != "bearer":
            asked.setdefault(request.task_id, []).append(request.at)
    by_people = Counter(task_id for use in world.invocations for task_id in _named(use.data))
    for task_id, times in asked.items():
        # Where a kept connection drops, aiohttp asks again by itself at once.
        early = [
            later
            for before, later in pairwise(times)
            if SAME_LOOK_SECONDS < later - before < POLL_MIN_SECONDS - SAME_LOOK_SECONDS
        ]
        # A look of a person comes at any time, and so does the first after a start or a take-over.
        begun = len(world.lifetimes) + sum(len(machine.here.served) for machine in world.machines)
        allowed = 2 * by_people[task_id] + 2 * begun
        if len(early) > allowed:
            when = ", ".join(f"{at - START:.2f}" for at in early[:20])
            verdict.wrong("too fast", f"{task_id}: {len(early)} looks too early ({when} s), not {allowed}")


def _judge_lateness(verdict: Verdict, world: World, rows: list[Row]) -> None:
    """A good task is polled when it is due, whatever the API answers about others."""
    for row in rows:
        if row.task_id in world.badly_answered | world.poisoned:
            continue
        asked = [request.at for request in world.here.api.requests if request.task_id == row.task_id]
        for began, ended in world.lifetimes:
            until = min(row.ended_at or ended, ended)
            times = [at for at in asked if max(began, row.started_at) <= at <= until]
            for before, later in pairwise([*times, until] if times else []):
                stalled = any(begin <= later and before <= end for begin, end in world.stalls)
                if later - before > POLL_MAX_SECONDS + LATE_SECONDS and not stalled:
                    verdict.wrong(
                        "late", f"{row}: not polled from {before - START:.2f} to {later - START:.2f}"
                    )


def _named(data: dict[str, object]) -> list[str]:
    text = json.dumps(data)
    return [part for part in text.replace('"', " ").split() if "-4000-8000-" in part]
