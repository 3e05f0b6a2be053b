"""REST routes for the bot itself: gateway URLs, users, servers, the application, its commands."""

from .errors import refusal
from .ids import Json
from .routing import Answer, Call, Router

router = Router()


@router.add("GET", "/gateway", by_token=True)
def gateway(call: Call) -> Answer:
    return Answer(200, {"url": call.world.gateway_url})


@router.add("GET", "/gateway/bot")
def gateway_bot(call: Call) -> Answer:
    left = call.world.identifies_left
    start_limit = {
        "total": 1000,
        "remaining": left,
        "reset_after": 86_400_000,
        "max_concurrency": call.world.max_concurrency,
    }
    return Answer(200, {"url": call.world.gateway_url, "shards": 1, "session_start_limit": start_limit})


@router.add("GET", "/users/@me")
def me(call: Call) -> Answer:
    bot = call.world.bot
    return Answer(200, {**bot.payload(), "mfa_enabled": True, "verified": True, "locale": "en-US"})


@router.add("GET", "/users/@me/guilds")
def my_guilds(call: Call) -> Answer:
    keys = ("id", "name", "icon", "features")
    guilds = [g for g in call.world.guilds.values() if g.bot_present]
    return Answer(
        200,
        [
            {key: guild.payload()[key] for key in keys}
            | {"owner": False, "permissions": str(int(guild.permissions_of(call.world.bot)))}
            for guild in guilds
        ],
    )


@router.add("POST", "/users/@me/channels")
def open_dm(call: Call) -> Answer:
    user = call.world.users.get(int(call.form.get("recipient_id") or 0))
    if user is None:
        raise refusal(10013)
    return Answer(200, call.world.dm(user).payload())


@router.add("GET", "/users/{user_id}")
def user(call: Call) -> Answer:
    found = call.world.users.get(call.id("user_id"))
    if found is None:
        raise refusal(10013)
    return Answer(200, found.payload())


@router.add("GET", "/guilds/{guild_id}")
def guild(call: Call) -> Answer:
    found = call.world.guilds.get(call.id("guild_id"))
    if found is None:
        raise refusal(10004)
    if not found.bot_present:
        raise refusal(50001)
    return Answer(200, found.payload())


@router.add("GET", "/guilds/{guild_id}/members/{user_id}")
def member(call: Call) -> Answer:
    guild = call.world.guilds.get(call.id("guild_id"))
    people = {**call.world.users, call.world.bot.id: call.world.bot}
    person = people.get(call.id("user_id"))
    if guild is None or person is None:
        raise refusal(10004 if guild is None else 10013)
    return Answer(200, guild.member(person))


@router.add("GET", "/oauth2/applications/@me")
@router.add("GET", "/applications/@me")
def application(call: Call) -> Answer:
    world = call.world
    return Answer(
        200,
        {
            "id": str(world.application_id),
            "name": world.bot.name,
            "description": "",
            "icon": None,
            "summary": "",
            "verify_key": "0" * 64,
            "flags": 0,
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": world.owner.payload(),
            "team": None,
            "rpc_origins": [],
            "bot": world.bot.payload(),
            "type": None,
            "flags_new": "0",
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "approximate_guild_count": len(world.guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": [],
        },
    )


EVERYWHERE = "/applications/{application_id}/commands"
IN_A_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"


def _place(call: Call) -> int | None:
    if call.id("application_id") != call.world.application_id:
        raise refusal(50001)
    return call.id("guild_id") if "guild_id" in call.params else None


@router.add("GET", EVERYWHERE)
@router.add("GET", IN_A_GUILD)
def commands(call: Call) -> Answer:
    found = call.world.commands.of(_place(call))
    if call.query.get("with_localizations", "").lower() in {"1", "true"}:
        return Answer(200, found)
    return Answer(200, [_without_localizations(command) for command in found])


def _without_localizations(command: Json) -> Json:
    return {key: value for key, value in command.items() if not key.endswith("_localizations")}


@router.add("PUT", EVERYWHERE)
@router.add("PUT", IN_A_GUILD)
def replace_commands(call: Call) -> Answer:
    return Answer(200, call.world.commands.replace(_place(call), call.body or []))


@router.add("POST", EVERYWHERE)
@router.add("POST", IN_A_GUILD)
def upsert_command(call: Call) -> Answer:
    return Answer(201, call.world.commands.upsert(_place(call), call.form))


@router.add("GET", EVERYWHERE + "/{command_id}")
@router.add("GET", IN_A_GUILD + "/{command_id}")
def command(call: Call) -> Answer:
    return Answer(200, call.world.commands.get(_place(call), call.id("command_id")))


@router.add("PATCH", EVERYWHERE + "/{command_id}")
@router.add("PATCH", IN_A_GUILD + "/{command_id}")
def change_command(call: Call) -> Answer:
    return Answer(200, call.world.commands.change(_place(call), call.id("command_id"), call.form))


@router.add("DELETE", EVERYWHERE + "/{command_id}")
@router.add("DELETE", IN_A_GUILD + "/{command_id}")
def remove_command(call: Call) -> Answer:
    call.world.commands.remove(_place(call), call.id("command_id"))
    return Answer(204)
