"""Checks on a PostgreSQL database: the server, what stands in front of it, and what a failover could lose."""

from typing import Final

from bot.check import CheckResult
from bot.clock import Clock
from bot.store.errors import StoreUnusable
from bot.store.location import Postgres, shown
from bot.store.postgres_errors import how_to_create
from bot.store.postgres_facts import Facts, RunningProcess, read_facts
from bot.store.postgres_session import POOLED
from bot.store.readonly import VERSIONS
from bot.store.schema import HEAD

OLDEST_SERVER: Final = 14
MAX_CLOCK_OFFSET: Final = 5.0
"""Seconds by which the server's clock may differ from this machine's."""


def check_postgres(url: Postgres, clock: Clock) -> tuple[list[CheckResult], bool]:
    """Check a database without changing it; return also whether a bot runs on it."""
    try:
        facts = read_facts(url)
    except StoreUnusable as error:
        return [CheckResult("database", False, str(error))], False
    return judge(facts, url, clock()), facts.is_locked


def judge(facts: Facts, url: Postgres, now: float) -> list[CheckResult]:
    """Return the result of each check; `now` is Unix time by this machine's clock."""
    return [
        _judge_schema(facts, url),
        _judge_server(facts, url),
        CheckResult("pooling", False, POOLED)
        if facts.exchanges_sessions
        else CheckResult("pooling", True, "sessions are kept"),
        _judge_clock(facts.time - now),
        _judge_standbys(facts),
        _judge_processes(facts),
    ]


def _judge_schema(facts: Facts, url: Postgres) -> CheckResult:
    subject, name, version = "database", shown(url), facts.schema_version
    if version is None:
        text = f"{name} is another program's: set DATABASE_URL to a database of its own"
        return CheckResult(subject, False, text)
    if version and version not in VERSIONS:
        text = f"{name} is of a newer version of this bot ({version}): run that version, or restore a backup"
        return CheckResult(subject, False, text)
    if not version and not facts.may_create:
        text = f"{name}: the user may not create tables. Make it the owner: ALTER DATABASE … OWNER TO …"
        return CheckResult(subject, False, text)
    if not version:
        return CheckResult(subject, True, f"{name} is empty, will be set up at startup")
    if version != HEAD:
        return CheckResult(subject, True, f"version {version}, will be migrated to {HEAD} at startup")
    return CheckResult(subject, True, f"version {version}")


def _judge_server(facts: Facts, url: Postgres) -> CheckResult:
    subject, name = "database server", f"PostgreSQL {facts.server_version}"
    if facts.version_number < OLDEST_SERVER * 10_000:
        return CheckResult(subject, False, f"{name} is too old: upgrade it to {OLDEST_SERVER} or newer")
    if facts.encoding != "UTF8":
        return CheckResult(
            subject, False, f"the database is encoded in {facts.encoding}: {how_to_create(url)}"
        )
    if facts.is_standby:
        text = f"{name} is a standby, which takes no writes: name the primary in DATABASE_URL"
        return CheckResult(subject, False, text)
    if facts.fsync != "on":
        text = f"{name} runs with fsync = {facts.fsync}: a power cut destroys the data. Set fsync = on"
        return CheckResult(subject, False, text)
    if not facts.knows_letters:
        text = f"{name}; names are searched for in exact case beyond a to z: {how_to_create(url)}"
        return CheckResult(subject, True, text)
    return CheckResult(subject, True, name)


def _judge_clock(ahead: float) -> CheckResult:
    text = f"{round(ahead):+d} s from this machine's"
    if abs(ahead) <= MAX_CLOCK_OFFSET:
        return CheckResult("database clock", True, text)
    return CheckResult("database clock", False, f"{text}: set the clocks of both (NTP)")


def _judge_standbys(facts: Facts) -> CheckResult:
    subject = "standby"
    if facts.synchronous_names:
        return CheckResult(
            subject, True, f"synchronous ({facts.synchronous_names}): a failover loses nothing"
        )
    if not facts.standbys:
        return CheckResult(subject, True, "none")
    text = (
        f"{facts.standbys}, none synchronous: a failover may lose the newest watches. "
        "Set synchronous_standby_names to lose none"
    )
    return CheckResult(subject, True, text)


def _judge_processes(facts: Facts) -> CheckResult:
    subject = "already running"
    if facts.processes:
        named = (f"{one.name} ({_shards_of(one)})" for one in facts.processes)
        return CheckResult(subject, True, f"{len(facts.processes)}: {', '.join(named)}")
    if facts.is_locked:
        text = "one that has not joined: a start, an older version, or a command such as move"
        return CheckResult(subject, True, text)
    return CheckResult(subject, True, "no")


def _shards_of(process: RunningProcess) -> str:
    return f"{process.held} of {process.shards} shards" if process.held else "standby"
