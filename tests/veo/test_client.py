"""The client and the simulated task API, on real sockets: what it asks, how, and where the key goes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Literal

import pytest
from made import TASK
from veo.asking import KEY, asked

from bot.core.task import Task, TaskState
from bot.veo.client import VeoClient
from bot.veo.errors import KeyRefused, Unavailable, VeoError
from sim.task_api.answers import Answer, gzip_bomb, html_page, redirect
from sim.task_api.renders import FINISHED, SUCCEEDS
from sim.task_api.server import AuthForm, RenderApi


@pytest.fixture
async def api() -> AsyncIterator[RenderApi]:
    async with RenderApi(key=KEY) as api:
        yield api


def forms(api: RenderApi) -> list[str]:
    """Return how the key came with each question, all of them with the right key."""
    assert all(request.key_matched for request in api.requests)
    return [request.authorization for request in api.requests]


async def test_a_poll_tells_of_the_task(api: RenderApi) -> None:
    async with asked(api) as client:
        task = await client.poll(FINISHED.id)
    assert (task.id, task.state, task.progress) == (FINISHED.id, TaskState.SUCCEEDED, 100)
    assert task.videos == (f"{api.base_url}/media/sunrise.mp4",)


# How the key is sent


@pytest.mark.parametrize(
    ("auth", "server", "sent"),
    [
        ("auto", "raw", ["raw", "raw", "raw"]),
        ("auto", "any", ["raw", "raw", "raw"]),
        ("auto", "bearer", ["raw", "bearer", "bearer", "bearer"]),
        ("raw", "any", ["raw", "raw", "raw"]),
        ("bearer", "any", ["bearer", "bearer", "bearer"]),
    ],
)
async def test_what_was_accepted_once_is_kept(
    auth: Literal["auto", "raw", "bearer"], server: AuthForm, sent: list[str]
) -> None:
    async with RenderApi(key=KEY, auth=server) as api, asked(api, auth) as client:
        for _ in range(3):
            await client.poll(SUCCEEDS.id)
        assert forms(api) == sent


@pytest.mark.looptime
async def test_what_was_refused_is_asked_again_the_way_that_another_poll_has_found_meanwhile() -> None:
    refused = Answer.json({}, 401)
    async with RenderApi() as api, asked(api) as client:
        api.set(TASK, [replace(refused, delay=2.0), Answer.json({"state": "running"})])
        api.set("another", [refused, Answer.json({"state": "running"})])
        await asyncio.gather(client.poll(TASK), client.poll("another"))
        assert [request.authorization for request in api.requests] == ["raw", "raw", "bearer", "bearer"]


@pytest.mark.parametrize(("auth", "server"), [("raw", "bearer"), ("bearer", "raw")])
async def test_a_chosen_form_is_never_changed(auth: Literal["raw", "bearer"], server: AuthForm) -> None:
    async with RenderApi(key=KEY, auth=server) as api, asked(api, auth) as client:
        for _ in range(2):
            with pytest.raises(KeyRefused):
                await client.poll(SUCCEEDS.id)
        assert forms(api) == [auth, auth]


async def test_a_wrong_key_is_tried_both_ways_every_time_for_it_may_become_right() -> None:
    async with RenderApi(key="another") as api, asked(api) as client:
        for _ in range(2):
            with pytest.raises(KeyRefused):
                await client.poll(SUCCEEDS.id)
        assert [request.authorization for request in api.requests] == ["raw", "bearer"] * 2


@pytest.mark.parametrize(
    "first", [Answer.json({"message": "no"}, 404), Answer.json({}, 429), Answer.json({}, 500), html_page()]
)
async def test_an_answer_without_a_task_proves_nothing_about_the_key(first: Answer) -> None:
    async with RenderApi(key=KEY, auth="bearer") as api, asked(api) as client:
        api.fail_all(first)  # from what stands before the API and checks no key
        with pytest.raises(VeoError):
            await client.poll(TASK)
        api.recover()
        await client.poll(SUCCEEDS.id)
        assert forms(api) == ["raw", "raw", "bearer"]


async def test_once_accepted_a_refusal_is_about_the_task(api: RenderApi) -> None:
    api.set(TASK, Answer.json({"code": 403, "msg": "not yours"}))
    async with asked(api) as client:
        await client.poll(SUCCEEDS.id)
        with pytest.raises(KeyRefused):
            await client.poll(TASK)
    assert forms(api) == ["raw", "raw"]


# Where the key goes


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_key_stays_here(api: RenderApi, status: int) -> None:
    async with RenderApi() as thief, asked(api) as client:
        api.set(TASK, redirect(f"{thief.base_url}/v1/videos/tasks/{TASK}", status))
        with pytest.raises(Unavailable):
            await client.poll(TASK)
        assert thief.requests == []


@pytest.mark.parametrize(
    "task_id", ["", "../admin", "a/b", "a?b", "a%2fb", "a..b", "a\r\nX: y", "@x", "x" * 101]
)
async def test_nothing_is_sent_for_what_is_no_task_id(api: RenderApi, task_id: str) -> None:
    async with asked(api) as client:
        with pytest.raises(ValueError, match=r"^not a task id$"):
            await client.poll(task_id)
    assert api.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer.json({}, 401),
        Answer.json({}, 500),
        Answer(drop=True),
        html_page(),
        redirect("http://x/"),
        gzip_bomb(),
    ],
)
async def test_no_error_and_no_log_line_names_the_key_or_the_address(
    api: RenderApi, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.set(TASK, answer)
    async with asked(api) as client:
        with pytest.raises(VeoError) as error:
            await client.poll(TASK)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    for text in (str(error.value), repr(error.value), caplog.text):
        assert KEY not in text
        assert "127.0.0.1" not in text


@pytest.mark.parametrize("key", [KEY, "sk/with/slashes=="])
@pytest.mark.parametrize("status", [200, 401, 422])
async def test_a_key_that_the_server_quotes_is_in_no_words_of_its_answer(key: str, status: int) -> None:
    for quoted in (key, key.replace("/", "\\/")):
        body = f'{{"state": "error", "code": "no {quoted}", "message": "bad key {quoted}"}}'.encode()
        async with RenderApi() as api, VeoClient(api.base_url, key, "raw") as client:
            api.set(TASK, Answer(status, body=body))
            try:
                said: Task | VeoError = await client.poll(TASK)
            except VeoError as error:
                said = error
        assert said.message == "bad key ***"
        assert key not in f"{said!r} {said}"


async def test_a_client_outside_its_context_says_so() -> None:
    with pytest.raises(RuntimeError):
        await VeoClient("http://127.0.0.1:1", KEY).poll(TASK)


async def test_a_request_that_aiohttp_sends_again_is_counted_like_any_other(api: RenderApi) -> None:
    """It repeats a GET whose connection was cut; `POLL_PER_MINUTE` would be exceeded."""
    announced = 0

    async def announce() -> None:
        nonlocal announced
        announced += 1

    api.set(TASK, Answer(drop=True))
    async with asked(api) as client:
        client.before_second_try = announce
        with pytest.raises(Unavailable):
            await client.poll(TASK)
    assert len(api.requests) == 1 + announced
