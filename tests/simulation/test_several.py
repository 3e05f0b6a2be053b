"""A few seeds with two bots on one database; `make simulate BOTS=2 SEEDS=1000` tries more."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from postgres_server import Server
from simulation.several import simulate_several
from simulation.teeth import without
from store.places import migrate

from bot.store.leases import Leases

pytestmark = pytest.mark.slow

NEEDS_FENCE = (321,)
"""Seeds in which a machine that was taken over wakes and wants to write; WITHOUT=fence finds others."""


@pytest.fixture(scope="module")
def template(postgres: Server) -> Iterator[str]:
    with postgres.lent("several_template") as url:
        migrate(url)
        yield "several_template"


@pytest.mark.parametrize("seed", range(6))
def test_every_watch_ends_once_whichever_machine_serves_it(
    seed: int, postgres: Server, template: str
) -> None:
    verdict = simulate_several(seed, postgres, template)
    assert not verdict.problems, "\n".join([*verdict.diary, *map(str, verdict.problems)])


def test_a_seed_with_two_bots_lives_the_same_way_twice(postgres: Server, template: str) -> None:
    first, again = simulate_several(1, postgres, template), simulate_several(1, postgres, template)
    assert first.diary == again.diary
    assert first.ends == again.ends


def test_the_simulation_notices_a_writer_that_nothing_keeps_from_writing(
    postgres: Server, template: str
) -> None:
    with without("fence"), patch.object(Leases, "trusted", True):  # else it does not even poll
        kinds = {kind for seed in NEEDS_FENCE for kind in simulate_several(seed, postgres, template).kinds}
    assert "two writers" in kinds
