"""A few seconds' worth of seeds; `make simulate SEEDS=1000` tries more, SEED=… tells how one went."""

import pytest
from postgres_server import Server
from simulation.run import simulate
from simulation.teeth import without
from store.places import migrate

FEW, MORE = range(4), range(4, 18)
CAUGHT = {
    "history": (92, 107),
    "nonce": (38,),
    "intent": (92, 78),
    "send-then-mark": (33, 36),
    "save-then-show": (0, 2, 3),
}
"""Seeds that are known to need a safeguard; `make simulate WITHOUT=…` finds others."""


@pytest.mark.parametrize("seed", [*FEW, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MORE)])
def test_every_watch_ends_once_whatever_happens(seed: int) -> None:
    verdict = simulate(seed)
    assert not verdict.problems, "\n".join([*verdict.diary, *map(str, verdict.problems)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_watch_ends_once_on_postgresql_as_in_a_file(seed: int, postgres: Server) -> None:
    with postgres.lent("seed_template") as url:
        migrate(url)
        verdict = simulate(seed, postgres, template="seed_template")
    assert not verdict.problems, "\n".join([*verdict.diary, *map(str, verdict.problems)])
    assert verdict.ends == simulate(seed).ends


@pytest.mark.slow
def test_a_seed_lives_the_same_way_twice() -> None:
    first, again = simulate(5), simulate(5)
    assert first.diary == again.diary
    assert first.ends == again.ends


@pytest.mark.slow
@pytest.mark.parametrize("safeguard", CAUGHT)
def test_the_simulation_notices_a_safeguard_that_is_gone(safeguard: str) -> None:
    with without(safeguard):
        assert any(simulate(seed).problems for seed in CAUGHT[safeguard])


@pytest.mark.slow
def test_the_simulation_notices_a_summary_that_comes_twice() -> None:
    with without("history"):
        doubled = [what for kind, what in simulate(92).problems if kind == "doubled"]
    assert any(what.startswith("summary of") for what in doubled)
    assert any(what.startswith("pinged") for what in doubled)
