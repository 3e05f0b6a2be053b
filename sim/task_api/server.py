"""A simulated Veo task API on a real loopback socket.

It answers `GET /v1/videos/tasks/{task_id}` as the API's documentation says, from scripted renders that start
at their first request, and serves their videos under `/media/`. Tests can replace any answer with a hostile
one. It waits only with asyncio's sleeps and reads only the clock it is given, so it also runs in virtual
time.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from aiohttp import web

from sim.task_api.answers import Answer, send
from sim.task_api.limiter import Limiter
from sim.task_api.renders import EXAMPLES, Render

MEDIA: Final = Path(__file__).with_name("media")
AuthForm = Literal["any", "raw", "bearer"]
Scripted = Mapping[str, Any] | Answer | None
"""What to answer for a task: a JSON object, an Answer, or None for its render."""

_NOT_FOUND: Final = Answer.json({"message": "task not found"}, 404)
_LIMITED: Final = Answer.json({"error": {"message": "too many requests", "type": "rate_limit"}}, 429)
_REFUSED: Final = Answer.json({"error": {"message": "Invalid API key provided"}}, 401)
# Seconds that a stop gives requests in flight before their connections are cut.
_GRACE: Final = 0.01


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """One request about a task, at a time of the server's clock.

    `key_matched` compares the key, not its form; always true for a server without a key. `port` is the
    client's port, which identifies the connection.
    """

    at: float
    task_id: str
    authorization: Literal["raw", "bearer", "none"]
    key_matched: bool
    user_agent: str = ""
    port: int = 0


class RenderApi:
    """The server: `async with RenderApi() as api:`, then send requests to `api.base_url`.

    `clock` returns Unix seconds. Port 0 takes a free port and keeps it through `restart()`. Without a `key`
    every request is accepted; with one, `auth` says whether it must be bare, after "Bearer ", or either.
    `speed` divides every duration of the renders.
    """

    def __init__(
        self,
        renders: Iterable[Render] = EXAMPLES,
        *,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        auth: AuthForm = "any",
        speed: float = 1.0,
    ) -> None:
        self._renders = {render.id: render.at_speed(speed) for render in renders}
        self._clock = clock
        self._host, self._port = host, port
        self._key, self._auth = key, auth
        self._created: dict[str, float] = {}
        self._scripts: dict[str, list[Scripted]] = {}
        self._media: dict[str, Answer] = {}
        self._outage: Answer | None = None
        self.limiter: Limiter | None = None
        """Refuses what exceeds its limit with a 429, before anything else is looked at."""
        self._runner: web.AppRunner | None = None
        self._in_flight = 0
        self.max_in_flight = 0
        """The maximum number of concurrent task requests so far."""
        self.requests: list[TaskRequest] = []
        """All task requests, oldest first, including refused ones and those during an outage."""

    @property
    def base_url(self) -> str:
        """The origin, without a trailing slash; it stays valid after a stop."""
        if not self._port:
            raise RuntimeError("the port is unknown until the server has started")
        return f"http://{self._host}:{self._port}"

    def polls(self, task_id: str) -> int:
        """Return the number of requests about `task_id` so far."""
        return sum(request.task_id == task_id for request in self.requests)

    def set(self, task_id: str, script: Scripted | Sequence[Scripted]) -> None:
        """Answer `script` for `task_id` from now on; a sequence one by one, then its last item forever."""
        scripts = [script] if script is None or isinstance(script, Mapping | Answer) else list(script)
        if not scripts:
            raise ValueError("a script needs at least one answer")
        self._scripts[task_id] = scripts

    def set_media(self, name: str, answer: Answer) -> None:
        """Serve `answer` as `/media/<name>` from now on."""
        self._media[name] = answer

    def fail_all(self, answer: Answer) -> None:
        """Answer everything, including videos, with `answer` until `recover()`."""
        self._outage = answer

    def recover(self) -> None:
        """End the outage; renders have continued meanwhile."""
        self._outage = None

    async def start(self) -> None:
        """Start listening; after a stop, the renders have continued meanwhile."""
        if self._runner is not None:
            return
        app = web.Application()
        app.router.add_get("/v1/videos/tasks/{task_id:.+}", self._task)
        app.router.add_get("/media/{name}", self._video)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def restart(self) -> None:
        """Stop, and start on the same port."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _task(self, request: web.Request) -> web.StreamResponse:
        task_id = request.match_info["task_id"]
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            return await send(request, self._within_limits(task_id, request))
        finally:
            self._in_flight -= 1

    def _within_limits(self, task_id: str, request: web.Request) -> Answer:
        if self.limiter is None:
            return self._decide(task_id, request)
        now, refused = self._clock(), not self.limiter.accepts(self._clock())
        if refused:
            self._admit(task_id, request)
        answer = _LIMITED if refused else self._decide(task_id, request)
        return replace(answer, headers={**answer.headers, **self.limiter.headers(now, refused=refused)})

    def _decide(self, task_id: str, request: web.Request) -> Answer:
        accepted = self._admit(task_id, request)
        if self._outage is not None:
            return self._outage
        if not accepted:
            return _REFUSED
        scripts = self._scripts.get(task_id, [None])
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        if isinstance(script, Answer):
            return script
        body = self._render(task_id) if script is None else script
        return _NOT_FOUND if body is None else Answer.json(body)

    def _admit(self, task_id: str, request: web.Request) -> bool:
        authorization = request.headers.get("Authorization", "")
        scheme, _, rest = authorization.partition(" ")
        form: Literal["raw", "bearer", "none"] = "raw" if authorization else "none"
        if scheme.lower() == "bearer":
            form, authorization = "bearer", rest
        matched = self._key is None or authorization == self._key
        agent = request.headers.get("User-Agent", "")
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        self.requests.append(TaskRequest(self._clock(), task_id, form, matched, agent, port))
        return matched and (self._key is None or self._auth in {"any", form})

    def _render(self, task_id: str) -> Mapping[str, Any] | None:
        render = self._renders.get(task_id)
        if render is None:
            return None
        now = self._clock()
        created = self._created.setdefault(task_id, now - render.head_start)
        # Unix seconds as floats are exact to a quarter of a microsecond: round the noise off the age.
        return render.answer(round(now - created, 6), created, f"{self.base_url}/media")

    async def _video(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        answer = self._outage or self._media.get(name)
        if answer is not None:
            return await send(request, answer)
        # Only existing names: a request never becomes a path.
        path = next((path for path in MEDIA.glob("*.mp4") if path.name == name), None)
        if path is None:
            return await send(request, Answer.json({"message": "video not found"}, 404))
        return web.FileResponse(path, headers={"Content-Type": "video/mp4"})
