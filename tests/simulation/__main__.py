"""`python -m simulation`: many seeds on every core, what was wrong with which, and how one of them went."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from functools import partial

from postgres_server import Server, running
from simulation.run import simulate
from simulation.several import simulate_several
from simulation.teeth import SAFEGUARDS, without
from simulation.verdict import Verdict
from store.places import migrate

SHOWN = 5
"""Problems of a seed that are printed."""


def _one(seed: int, *, safeguard: str | None, server: Server | None, bots: int) -> Verdict:
    try:
        with without(safeguard):
            if server is not None and bots > 1:
                return simulate_several(seed, server, bots=bots)
            return simulate(seed, server)
    except Exception as error:  # a seed that breaks the simulation itself is told as well
        verdict = Verdict(seed)
        verdict.wrong("broken", repr(error))
        return verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to try")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay one seed and print its diary")
    parser.add_argument("--without", choices=SAFEGUARDS, help="take a safeguard out: seeds must fail then")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--bots", type=int, default=1, help="how many bots share a server's database")
    chosen = parser.parse_args()
    if chosen.store == "sqlite" and chosen.bots == 1:
        return _live(chosen, None)
    with running() as server:
        migrate(server.create("migrated"))
        return _live(chosen, server)


def _live(chosen: argparse.Namespace, server: Server | None) -> int:
    if chosen.seed is not None:
        verdict = _one(chosen.seed, safeguard=chosen.without, server=server, bots=chosen.bots)
        print("\n".join(verdict.diary))
        _tell(verdict)
        return bool(verdict.problems)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    began, total, failed, kinds = time.monotonic(), Verdict(0), [], Counter[str]()
    with multiprocessing.Pool(chosen.jobs) as pool:
        work = partial(_one, safeguard=chosen.without, server=server, bots=chosen.bots)
        for count, verdict in enumerate(pool.imap_unordered(work, seeds, chunksize=2), 1):
            for number in ("crashes", "watches", "results", "summaries", "early", "requests", "seconds"):
                setattr(total, number, getattr(total, number) + getattr(verdict, number))
            total.ends += verdict.ends
            if verdict.problems:
                failed.append(verdict.seed)
                kinds.update(verdict.kinds)
                _tell(verdict)
            if count % 25 == 0 or count == len(seeds):
                print(f"{count} of {len(seeds)} seeds, {len(failed)} failed", flush=True)
    print(
        f"{total.watches} watches, {total.results} results, "
        f"{total.summaries} summaries ({total.early} early), {total.crashes} crashes, "
        f"{total.requests} requests, {total.seconds / 3600:.0f} simulated hours "
        f"in {time.monotonic() - began:.0f} s"
    )
    print("ends: " + ", ".join(f"{end} {times}" for end, times in total.ends.most_common()))
    print(
        f"lost {kinds['lost']}, doubled {kinds['doubled']}, otherwise wrong "
        f"{sum(kinds.values()) - kinds['lost'] - kinds['doubled']} (seeds: {sorted(failed) or 'none'})"
    )
    return bool(failed)


def _tell(verdict: Verdict) -> None:
    for kind, what in verdict.problems[:SHOWN]:
        print(f"seed {verdict.seed}: {kind}: {what[:500]}")


if __name__ == "__main__":
    sys.exit(main())
