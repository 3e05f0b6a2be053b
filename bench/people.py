"""The figures of `docs/performance.md`: what people notice, in a few tables, and where the plain bot is better.

The page holds its sentences, this module the figures between them, so that no figure is older than the report.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench import plan
from bench.measure import Figures, over_runs, ratio
from bench.tables import SAME, growth_of, loads, mean_of, number, ratios_of, restarts, table

NOTICED: Final = {
    "result": "From a render's end to its result",
    "behind": "How far a card is behind",
    "card": "From a command to its card",
}
COSTS: Final = {
    "polls_a_minute": ("Polls a minute of a render", 1),
    "cpu_whole": ("CPU seconds of the whole run", 1),
    "memory_rest": ("Memory at rest, MiB", 0),
    "memory_load": ("Memory under load, MiB", 0),
    "discord_429": ("Refused by Discord's rate limits", 0),
}
BESIDE: Final = ("this bot", "the plain bot")
OLD: Final = ", after 15 min"
"""How the names of loads end whose cards can no longer be edited through an interaction's token."""
FEW: Final = 4
"""So many loads are named one by one."""
LEARNED: Final = {
    "taught ÷ fixed": "After 400 renders of a kind",
    "untaught ÷ fixed": "A new bot, its first 20 renders",
    "after a change ÷ fixed": "The first 20 renders after the kind has changed",
    "worst ÷ fixed": "The same after the worst other kind",
}
GROWTH: Final = {
    "cpu": ("CPU, cores", 2),
    "memory_load": ("Memory, MiB", 0),
    "lateness": ("Polls late, s", 2),
}


def fill(page: str, kept: Mapping[str, Any]) -> str:
    """Return a page with the figures between `<!-- measured: name -->` and `<!-- end -->`."""
    found = figures(kept)

    def block(match: re.Match[str]) -> str:
        return "\n".join([match[1], *found[match[2]], match[3]])

    return re.sub(r"(?s)(<!-- measured: (\w+) -->)\n.*?(<!-- end -->)", block, page)


def figures(kept: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the lines of each block by its name."""
    return {
        "results": _by_age(kept, "result", 1),
        "strained": _strained(kept, "result"),
        "cards": _by_age(kept, "behind", 1),
        "commands": _by_age(kept, "card", 2),
        "costs": _costs(kept),
        "restarts": restarts(kept)[1:],
        "learned": _learned(kept["kinds"]),
        "growth": _growth(kept),
        "worse": [f"- {line}" for line in _worse(kept)],
    }


def _by_age(kept: Mapping[str, Any], key: str, digits: int) -> list[str]:
    """Return a table of young cards beside those whose interaction's token has ended."""
    bots = dict(_both(kept, "noticed"))
    rows = []
    for name in bots:
        if name.endswith(OLD):
            continue
        ages = [bots.get(f"{name}{age}", {}) for age in ("", OLD)]
        rows.append([name, *(_times(of.get(bot, []), key, digits) for of in ages for bot in plan.BOTH)])
    return list(table(["live watches", *BESIDE, *(f"{bot}{OLD}" for bot in BESIDE)], rows))


def _strained(kept: Mapping[str, Any], key: str) -> list[str]:
    rows = [
        [name, *(_times(runs, key, 1) for runs in bots.values()), number(_ratio(bots, f"{key}_p50"), 2)]
        for name, bots in sorted(_both(kept, "strained"), key=lambda of: _numbers(of[0]))
    ]
    return list(table(["load", *BESIDE, "ratio"], rows))


def _numbers(name: str) -> list[float]:
    """Return the numbers in a load's name, by which people look for it."""
    return [float(digits.replace(",", "")) for digits in re.findall(r"\d[\d,.]*", name)]


def _times(runs: list[Figures], key: str, digits: int) -> str:
    """Return the median and the 95 %."""
    p50, p95 = (number(over_runs(runs, f"{key}_{end}"), digits) for end in ("p50", "p95"))
    return f"{p50} ({p95})"


def _both(kept: Mapping[str, Any], row: str) -> Iterator[tuple[str, dict[str, list[Figures]]]]:
    for name, bots in loads(kept, row).items():
        if set(plan.BOTH) <= bots.keys():
            yield name, {bot: bots[bot] for bot in plan.BOTH}


def _ratio(bots: Mapping[str, list[Figures]], key: str) -> float | None:
    ours, plain = (over_runs(bots[bot], key) for bot in plan.BOTH)
    return ratio(ours, plain)


def _costs(kept: Mapping[str, Any]) -> list[str]:
    bots = dict(_both(kept, "noticed")).get(plan.HEADLINE)
    if bots is None:
        return []
    rows = [
        [title, *(number(over_runs(bots[bot], key), digits) for bot in bots), number(_ratio(bots, key), 2)]
        for key, (title, digits) in COSTS.items()
    ]
    return list(table([f"Live watches: {plan.HEADLINE}", *BESIDE, "ratio"], rows))


def _learned(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    ratios = [ratios_of(of) for of in kinds.values()]
    rows = [[title, number(mean_of(one[key] for one in ratios), 2)] for key, title in LEARNED.items()]
    return list(table([f"mean of {len(ratios)} kinds of renders", "this bot ÷ fixed pauses"], rows))


def _growth(kept: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, runs in growth_of(kept).items():
        result = _times(runs, "result", 1)
        rows.append([name, *(number(over_runs(runs, key), to) for key, (_, to) in GROWTH.items()), result])
    return list(table(["", *(title for title, _ in GROWTH.values()), "From end to result, s"], rows))


def _worse(kept: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the plain bot does better in the median, by how much, and under which loads."""
    compared = [both for row in ("noticed", "strained") for both in _both(kept, row)]
    keys = {f"{key}_p50": title for key, title in NOTICED.items()}
    keys |= {key: title for key, (title, _) in COSTS.items()}
    for key, title in keys.items():
        ratios = {name: value for name, bots in compared if (value := _ratio(bots, key)) is not None}
        worse = {name: value for name, value in ratios.items() if value > 1 + SAME}
        if worse:
            loads_ = "; ".join(worse) if len(worse) <= FEW else f"{len(worse)} of {len(ratios)} loads"
            low, high = (f"{of(worse.values()):.1f}" for of in (min, max))
            yield f"**{title}**: {low if low == high else f'{low} to {high}'} times as much, with {loads_}."
