"""Which shard a server is in, by Discord's formula."""

import pytest

from bot.core.shards import Shard

# https://discord.com/developers/docs/events/gateway#sharding: shard_id = (guild_id >> 22) % num_shards
GUILD = 197_038_439_483_310_086


@pytest.mark.parametrize("count", [1, 2, 3, 16, 1_000])
def test_every_server_is_in_exactly_one_shard(count: int) -> None:
    for guild_id in (0, 1, 2**22, 2**22 - 1, GUILD, GUILD + 2**22, 2**63 - 1):
        holders = [number for number in range(count) if Shard(number, count).has(guild_id)]
        assert holders == [(guild_id >> 22) % count]


def test_direct_messages_are_in_the_first_shard() -> None:
    assert Shard(0, 7).has(0)
