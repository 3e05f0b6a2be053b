"""The report's tables: what was found beside what, by one formula, and what is better and worse in words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bench import plan
from bench.measure import Figures, over_runs, ratio

SAME: Final = 0.05
"""Ratios so near to 1 are called the same."""
BUSY: Final = 0.9
"""The share from which something counts as used up."""
LATE: Final = 1.0
"""Seconds by which polls may begin late in the mean."""
TIMES: Final = {
    "result": "end to result",
    "end_to_poll": "end to the poll that saw it",
    "poll_to_result": "that poll to result",
    "behind": "card behind the truth",
    "ack": "command acknowledged",
    "card": "command to card",
}
"""Names of times with a median and a 95 %, in seconds."""
COSTS: Final = {
    "polls_a_minute": ("polls a minute of a render", 1),
    "cpu_whole": ("CPU of the whole run, s", 1),
    "memory_rest": ("memory at rest, MiB", 0),
    "memory_load": ("under load, MiB", 0),
    "discord_429": ("Discord's 429s", 0),
    "api_refused": ("polls refused, share", 2),
    "stall": ("longest stall, s", 2),
    "lateness": ("polls late, s in the mean", 2),
    "result_n": ("ends in a run", 0),
    "not_told": ("not posted in time", 0),
}
UNJUDGED: Final = ("result_n", "lateness", "stall")
"""Not to be compared with the plain bot."""
GROWTH: Final = {
    "cpu": ("CPU, cores", 2),
    "memory_load": ("memory, MiB", 0),
    "lateness": ("polls late, s in the mean", 2),
    "poll_gap_p95": ("between two polls of a render, s, 95 %", 1),
    "result_p50": ("end to result, s", 1),
    "result_p95": ("95 %", 1),
    "not_told": ("not posted in time", 0),
    "discord_bot_a_second": ("requests to Discord that count, a second", 1),
    "rows": ("rows", 0),
    "file": ("file, MiB", 1),
    "simulators": ("the simulators' CPU, cores", 2),
}


def loads(kept: Mapping[str, Any], row: str) -> dict[str, dict[str, list[Figures]]]:
    """Return the runs of a row by load and bot, in the order of the plan."""
    found: dict[str, dict[str, list[Figures]]] = {}
    for scene in kept["scenes"].values():
        if scene["row"] == row:
            found.setdefault(scene["load"]["name"], {})[scene["bot"]] = scene["runs"]
    order = [part.load.name for batch in plan.LONG for part in batch.parts]
    return dict(
        sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    )


def scenes(kept: Mapping[str, Any], row: str) -> list[str]:
    """Return the tables of a row's scenes, ours beside the plain bot's, and what is better and worse."""
    beside = {name: bots for name, bots in loads(kept, row).items() if "restart" not in name}
    if not beside:
        return []
    times = list(table(["load", "bot", *TIMES.values()], _compared(beside, _time_cells)))
    costs = list(
        table(["load", "bot", *(title for title, _ in COSTS.values())], _compared(beside, _cost_cells))
    )
    verdicts = ["", *(_verdict(name, bots) for name, bots in beside.items())]
    return ["", *times, "", *costs, *verdicts]


def _compared(beside: Mapping[str, Mapping[str, list[Figures]]], cells: Any) -> Iterator[list[str]]:
    for name, bots in beside.items():
        for bot, runs in bots.items():
            yield [name, f"{bot}, {len(runs)} runs", *cells(runs, None)]
        if {"ours", "plain"} <= bots.keys():
            yield ["", "ratio", *cells(bots["ours"], bots["plain"])]


def _time_cells(runs: list[Figures], other: list[Figures] | None) -> list[str]:
    cells = []
    for key in TIMES:
        both = []
        for end in ("p50", "p95"):
            value = over_runs(runs, f"{key}_{end}")
            both.append(value if other is None else ratio(value, over_runs(other, f"{key}_{end}")))
        cells.append("–" if both[0] is None else f"{number(both[0], 2)} ({number(both[1], 2)})")
    return cells


def _cost_cells(runs: list[Figures], other: list[Figures] | None) -> list[str]:
    if other is None:
        return [number(over_runs(runs, key), digits) for key, (_, digits) in COSTS.items()]
    return [number(ratio(over_runs(runs, key), over_runs(other, key)), 2) for key in COSTS]


def _verdict(name: str, bots: Mapping[str, list[Figures]]) -> str:
    """Say what is better and what is worse than the plain bot under a load."""
    if not {"ours", "plain"} <= bots.keys():
        return f"- {name}: measured without the other."
    keys = {f"{key}_p95": f"{title} (95 %)" for key, title in TIMES.items()}
    keys |= {key: title for key, (title, _) in COSTS.items() if key not in UNJUDGED}
    better, worse = [], []
    for key, title in keys.items():
        ours, plain = over_runs(bots["ours"], key), over_runs(bots["plain"], key)
        if ours is None or plain is None:
            continue
        if ours < plain * (1 - SAME):
            better.append(title)
        elif ours > plain * (1 + SAME):
            worse.append(title)
    return f"- **{name}**: better: {', '.join(better) or 'nothing'}; worse: {', '.join(worse) or 'nothing'}."


def restarts(kept: Mapping[str, Any]) -> list[str]:
    keys = {
        "restart_ready": ("from start to connected, s", 1),
        "first_second_polls": ("polls in the first second", 0),
        "first_second_429": ("429s in the first second", 0),
        "polled_again_p50": ("from connected to a render's next poll, s", 1),
        "polled_again_p95": ("the same, 95 %", 1),
        "lateness": ("mean lateness of polls, s", 2),
    }
    rows = [
        [name, *(number(over_runs(bots["ours"], key), digits) for key, (_, digits) in keys.items())]
        for name, bots in loads(kept, "strained").items()
        if "restart" in name and "ours" in bots
    ]
    return ["", *table(["load", *(title for title, _ in keys.values())], rows)] if rows else []


def kinds_table(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not kinds:
        return []
    rows, ratios = [], []
    for name, of in kinds.items():
        mine = ratios_of(of)
        ratios.append(mine)
        polls = [f"{of['taught']['polls']:.1f}"]
        late = [f"{of['taught']['late']:.1f} ({of['taught']['late_95']:.1f})"]
        cells = [number(value, 2) for value in mine.values()]
        for at, key in ((1, "eta"), (2, "optimum")):
            if key in of and of[key]["polls"] < 0.95 * of["taught"]["polls"]:
                cells[at] += f" [{of[key]['polls']:.1f} polls]"
        rows.append([name, *polls, *late, *cells])
    means = [number(mean_of([one[key] for one in ratios]), 2) for key in ratios[0]]
    rows.append(["**mean of the ratios**", "", "", *means])
    head = ["kind", "polls", "late, s (95 %)", *ratios[0]]
    better = [
        name for name, one in zip(kinds, ratios, strict=True) if (one["taught ÷ fixed"] or 1) < 1 - SAME
    ]
    changed = [
        name
        for name, one in zip(kinds, ratios, strict=True)
        if (one["after a change ÷ fixed"] or 1) > 1 + SAME
    ]
    verdict = (
        f"Taught it is better than fixed pauses on {len(better)} of {len(kinds)} kinds;"
        f" after a change of kind it is worse than they are on {len(changed)}: {', '.join(changed) or 'none'}."
    )
    return ["", *table(head, rows), "", verdict]


def ratios_of(of: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the ratios of one kind, by their titles."""

    def late(key: str) -> float | None:
        return of[key]["late"] if key in of else None

    return {
        "taught ÷ fixed": ratio(late("taught"), late("fixed")),
        "taught ÷ ETA": ratio(late("taught"), late("eta")),
        "taught ÷ optimum": ratio(late("taught"), late("optimum")),
        "untaught ÷ fixed": ratio(late("untaught"), late("untaught_fixed")),
        "after a change ÷ fixed": ratio(late("changed"), late("changed_fixed")),
        "worst ÷ fixed": ratio(late("worst"), late("worst_fixed")),
    }


def mean_of(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def growth_of(kept: Mapping[str, Any]) -> dict[str, list[Figures]]:
    """Return the runs of the scenes of growth by load."""
    return {name: bots["ours"] for name, bots in loads(kept, "growth").items() if "ours" in bots}


def growth(kept: Mapping[str, Any]) -> list[str]:
    found = growth_of(kept)
    if not found:
        return []
    rows = [
        [name, *(number(over_runs(runs, key), digits) for key, (_, digits) in GROWTH.items())]
        for name, runs in found.items()
    ]
    return [
        "",
        *table(["", *(title for title, _ in GROWTH.values())], rows),
        "",
        _what_ends_it(kept),
    ]


def _what_ends_it(kept: Mapping[str, Any]) -> str:
    """Say which of what is bounded is used most, by the largest scene that the simulators could carry."""
    measured = [scene for scene in kept["scenes"].values() if scene["row"] == "growth"]
    carried = [one for one in measured if (over_runs(one["runs"], "simulators") or 0.0) < BUSY]
    if not carried:
        return "What ends the growth first cannot be said: the simulators were busier than the bot."
    largest = max(carried, key=lambda one: one["load"]["watches"])
    watches, runs = largest["load"]["watches"], largest["runs"]
    ends = {"its core": ("cpu", 1.0), "Discord's 50 requests a second": ("discord_bot_a_second", 50.0)}
    shares = {what: (over_runs(runs, key) or 0.0) / most for what, (key, most) in ends.items()}
    used = " and ".join(f"{share:.0%} of {what}" for what, share in shares.items())
    first = max(shares, key=lambda what: shares[what])
    if shares[first] > BUSY:
        verdict = f"so {first} is what ends the growth"
    else:
        enough = f", enough for {watches / shares[first]:,.0f} by a straight line" if shares[first] else ""
        verdict = f"so {first} is what would end the growth first{enough}"
    late = over_runs(runs, "lateness") or 0.0
    if late > LATE and shares[first] <= BUSY:
        verdict = f"but polls began {late:.1f} s late: more than it can follow, although neither is used up"
    elif late > LATE:
        verdict += f", and polls began {late:.1f} s late"
    kept_by_then = f"{number(over_runs(runs, 'memory_load'), 0)} MiB of memory and {number(over_runs(runs, 'rows'), 0)} rows"
    return f"{watches:,} live watches took {used}, {verdict}. They held {kept_by_then}."


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield _row(head)
    yield _row("---" for _ in head)
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
