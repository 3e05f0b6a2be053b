"""The path of a REST request: faults, authorization, limits, effect, faults again, record, answer."""

import asyncio
import json
import random
from typing import Any, Literal

from aiohttp import BodyPartReader, ClientError, web

from . import rest_application, rest_interactions, rest_messages
from .errors import ApiError, plain, refusal
from .faults import Fault, Uplink
from .forms import Upload
from .ids import http_date
from .limits import Limits, RateLimiter, TooMany
from .records import Authorization, Request
from .routing import Answer, Call, Router
from .world import World

ROUTES = Router(
    [*rest_application.router.routes, *rest_messages.router.routes, *rest_interactions.router.routes]
)
KEPT_HEADERS = ("Content-Type", "X-Audit-Log-Reason")
INVALID = {401, 403, 429}
HUNG_UP_SECONDS = 0.01
CHUNK = 64 * 1024


class Rest:
    """Discord's REST API over a world. `errors` holds exceptions of the simulator itself."""

    def __init__(self, world: World, limits: Limits, seed: int) -> None:
        self.world = world
        self.limiter = RateLimiter(limits, world.clock)
        self.rng = random.Random(seed)
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.errors: list[Exception] = []
        self.down: bool | Literal["drop"] = False
        self.uplink = Uplink()
        self.rate_limited = 0
        self.invalid_requests = 0

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        """Answer one HTTP request."""
        if self.down:
            if self.down == "drop":
                return _cut(raw)
            return web.Response(status=503, text="upstream connect error or disconnect/reset before headers")
        try:
            record, uploads = await self._read(raw)
        except (ConnectionError, ClientError):  # the client hung up halfway: the request never arrived
            return _cut(raw)
        self.requests.append(record)
        self.world.pulse.notify()
        try:
            return await self._respond(raw, record, uploads)
        finally:
            self.world.pulse.notify()

    async def _respond(self, raw: web.Request, record: Request, uploads: list[Upload]) -> web.StreamResponse:
        before = self._fault(record, "before")
        if before is not None:
            await asyncio.sleep(before.delay)
            if before.answers:
                return self._replace(raw, record, before)
            # A proxy that holds an edit back drops it when the client hangs up (nginx logs that as 499).
            if record.method == "PATCH" and (raw.transport is None or raw.transport.is_closing()):
                return _cut(raw)
        headers: dict[str, str] = {}
        answer = self._serve(record, uploads, headers)
        self.world.pulse.notify()
        after = self._fault(record, "after")
        if after is not None:
            await asyncio.sleep(after.delay)
            if after.answers:
                return self._replace(raw, record, after)
        return self._send(record, answer.status, answer.body, headers)

    def _fault(self, record: Request, when: str) -> Fault | None:
        return next((f for f in self.faults if f.when == when and f.strikes(record, self.rng)), None)

    def _serve(self, record: Request, uploads: list[Upload], headers: dict[str, str]) -> Answer:
        """Apply the request; fill in the headers of its answer."""
        try:
            answer = self._run(record, uploads, headers)
        except TooMany as error:
            headers.update(error.headers)
            self.rate_limited += 1
            return Answer(error.status, error.body)
        except ApiError as error:
            return Answer(error.status, error.body)
        except Exception as error:
            self.errors.append(error)
            return Answer(500, {"message": "500: Internal Server Error", "code": 0})
        record.applied = True
        return answer

    def _run(self, record: Request, uploads: list[Upload], headers: dict[str, str]) -> Answer:
        route, params, known = ROUTES.find(record.method, record.path)
        if route is None:
            raise plain(405, "Method Not Allowed") if known else plain(404, "Not Found")
        if record.authorization != "bot" and not route.by_token:
            raise plain(401, "Unauthorized")
        if not route.by_token:
            self.limiter.charge_bot()
        headers.update(self.limiter.charge(route.limit, route.place(params)))
        if record.body is UNREADABLE:
            raise refusal(50109)
        return route.handler(Call(self.world, self.limiter, params, record.query, record.body, uploads))

    def _replace(self, raw: web.Request, record: Request, fault: Fault) -> web.StreamResponse:
        if fault.drop:
            return _cut(raw)
        body, headers = fault.make_body(), fault.make_headers()
        return self._send(
            record, fault.status or 200, body, headers, content_type=fault.content_type, via=fault.via
        )

    def _send(
        self,
        record: Request,
        status: int,
        body: Any,
        headers: dict[str, str],
        *,
        content_type: str = "application/json",
        via: bool = True,
    ) -> web.Response:
        record.status, record.answer = status, body
        record.code = body.get("code", 0) if status >= 400 and isinstance(body, dict) else 0
        self.invalid_requests += status in INVALID
        headers = {"Date": http_date(self.world.clock()), **headers}
        if via:
            headers["Via"] = "1.1 google"
        if body is None:
            return web.Response(status=status, headers=headers)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, headers=headers, body=text.encode(), content_type=content_type)

    async def _read(self, raw: web.Request) -> tuple[Request, list[Upload]]:
        """Read a JSON or multipart request into its record and its files."""
        path = raw.path.removeprefix("/api/v10")
        route, _, _ = ROUTES.find(raw.method, path)
        record = Request(
            at=self.world.clock(),
            method=raw.method,
            path=path,
            template=route.template if route else None,
            query=dict(raw.query),
            headers={name: raw.headers[name] for name in KEPT_HEADERS if name in raw.headers},
            authorization=self._authorization(raw),
            port=raw.transport.get_extra_info("peername")[1] if raw.transport else 0,
        )
        uploads: list[Upload] = []
        if raw.content_type == "multipart/form-data":
            record.multipart = True
            record.body, uploads = await self._read_multipart(raw)
            record.files = [(upload.filename, len(upload.data)) for upload in uploads]
        elif data := await raw.read():
            record.body = _parse(data)
        return record, uploads

    async def _read_multipart(self, raw: web.Request) -> tuple[Any, list[Upload]]:
        body: Any = None
        uploads: list[Upload] = []
        async for part in await raw.multipart():
            assert isinstance(part, BodyPartReader)
            name = part.name or ""
            if name == "payload_json":
                body = _parse(bytes(await part.read()))
            elif name.startswith("files["):
                self.uplink.begun += not uploads
                data = bytearray()
                while chunk := await part.read_chunk(CHUNK):
                    data += chunk
                    await self.uplink.carry(len(chunk))
                index = int(name.removeprefix("files[").rstrip("]"))
                uploads.append(Upload(index, part.filename or "unknown", bytes(data)))
        if uploads:
            # A client that hung up has left the rest in this machine's buffers; no real line carried it.
            await asyncio.sleep(HUNG_UP_SECONDS)
            if raw.transport is None:
                raise ConnectionResetError
        return body, uploads

    def _authorization(self, raw: web.Request) -> Authorization:
        value = raw.headers.get("Authorization")
        if value is None:
            return "none"
        return "bot" if value == f"Bot {self.world.token}" else "wrong"

    async def download(self, raw: web.Request) -> web.StreamResponse:
        """Serve an uploaded file, as Discord's CDN does."""
        channel = self.world.channels.get(int(raw.match_info["channel_id"]))
        for message in channel.messages.values() if channel else ():
            for attachment in message.attachments:
                if str(attachment.id) == raw.match_info["attachment_id"] and not message.deleted:
                    return web.Response(body=attachment.data, content_type="application/octet-stream")
        raise web.HTTPNotFound


UNREADABLE = object()
"""Marks a body that is not JSON."""


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return UNREADABLE


def _cut(raw: web.Request) -> web.Response:
    """Cut the connection instead of answering."""
    if raw.transport is not None:
        raw.transport.abort()
    return web.Response(status=500)
