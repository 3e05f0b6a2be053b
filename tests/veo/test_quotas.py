"""What answers' headers announce, in the forms that relays, gateways and drafts really send."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear import linear
from multidict import CIMultiDict

from bot.core.budget import Quota
from bot.veo.errors import RateLimited
from bot.veo.protocol import decode
from bot.veo.quotas import read_quotas

NOW = 1_800_000_000.0
AT = datetime.fromtimestamp(NOW + 30, UTC)
ISO = AT.isoformat().replace("+00:00", "Z")
HTTP = AT.strftime("%a, %d %b %Y %H:%M:%S GMT")

FORMS = {
    # GitHub, and what copies it; Zalando's guidelines say seconds instead (restful-api-guidelines#379)
    "unix": (
        {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "56", "X-RateLimit-Reset": f"{NOW + 30:.0f}"},
        56,
        30,
    ),
    "seconds": ({"X-RateLimit-Remaining": "56", "X-RateLimit-Reset": "30"}, 56, 30),
    # RocketChat sends milliseconds, PUBG nanoseconds (their API's documentation)
    "milliseconds": ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": f"{(NOW + 30) * 1e3:.0f}"}, 1, 30),
    "nanoseconds": ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": f"{int(NOW + 30)}000000000"}, 1, 30),
    # hapi-rate-limit#18
    "a date": ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": HTTP}, 1, 30),
    "RFC 3339": ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": ISO}, 1, 30),
    "X-Rate-Limit": ({"X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": "9"}, 3, 9),
    "reset-after": ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset-After": "1.5"}, 3, 1.5),
    # OpenAI and what answers like it (LiteLLM's proxy): Go durations
    "6m0s": ({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "6m0s"}, 59, 360),
    "120ms": ({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "120ms"}, 59, 0.12),
    "2m59.56s": (
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.56s"},
        0,
        179.56,
    ),
    # RapidAPI: of the plan
    "RapidAPI": ({"x-ratelimit-requests-remaining": "498", "x-ratelimit-requests-reset": "86"}, 498, 86),
    # Kong names the window, its reset is that of the shortest
    "Kong": (
        {"X-RateLimit-Limit-Minute": "5", "X-RateLimit-Remaining-Minute": "4", "RateLimit-Reset": "47"},
        4,
        47,
    ),
    "Kong without reset": ({"X-RateLimit-Remaining-Hour": "4"}, 4, 3600),
    # draft-ietf-httpapi-ratelimit-headers -03, -07 and -10 (Cloudflare's API)
    "draft 03": ({"RateLimit-Limit": "10", "RateLimit-Remaining": "9", "RateLimit-Reset": "50"}, 9, 50),
    "draft 03, policy": ({"RateLimit-Limit": "100, 100;w=60"}, 100, 60),
    "draft 06, policy": ({"RateLimit-Policy": '100;w=60;comment="per key"'}, 100, 60),
    "draft 07": ({"RateLimit": "limit=100, remaining=50, reset=5"}, 50, 5),
    "draft 10": ({"RateLimit": '"default";r=50;t=30'}, 50, 30),
    "draft 10, policy": ({"RateLimit-Policy": '"burst";q=100;w=60'}, 100, 60),
    "other units": ({"RateLimit-Policy": '"bytes";q=9;w=1;qu="content-bytes", "burst";q=100;w=60'}, 100, 60),
    # a relay's own and its upstream's, joined by a proxy or sent twice
    "joined": ({"X-RateLimit-Remaining": "12, 7", "X-RateLimit-Reset": "30, 60"}, 7, 30),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_how_many_requests_are_left_for_how_long(form: str) -> None:
    headers, requests, seconds = FORMS[form]
    ((found_requests, found_seconds),) = read_quotas(CIMultiDict(headers), NOW)
    assert found_requests == requests
    assert found_seconds == pytest.approx(seconds, abs=0.01)


def test_several_windows_are_all_read_and_headers_sent_twice_are_joined() -> None:
    policy = {"RateLimit-Policy": "10;w=1, 50;w=60, 1000;w=3600, 5000;w=86400"}
    assert [quota.requests for quota in read_quotas(policy, NOW)] == [10, 50, 1000, 5000]
    twice = CIMultiDict(
        [("X-RateLimit-Remaining", "12"), ("X-RateLimit-Reset", "9"), ("x-ratelimit-remaining", "7")]
    )
    assert read_quotas(twice, NOW) == [Quota(7, 9)]


def test_times_are_compared_with_the_answers_own_date() -> None:
    """Our clock may be wrong by hours."""
    headers = {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": f"{NOW + 30:.0f}", "Date": HTTP}
    assert read_quotas(headers, NOW - 7200) == []
    later = {**headers, "X-RateLimit-Reset": f"{NOW + 90:.0f}"}
    assert read_quotas(later, NOW - 7200) == [Quota(1, 60)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json", "X-Upload-Limit": "9"},
        {"X-RateLimit-Limit": "60"},
        {"X-RateLimit-Remaining": "5"},
        {"X-RateLimit-Remaining": "NaN", "X-RateLimit-Reset": "30"},
        {"X-RateLimit-Remaining": "unlimited", "X-RateLimit-Reset": "30"},
        # -1 means "no limit" in Spring Cloud Gateway
        {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "30"},
        {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "-30"},
        {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "NaN"},
        {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "Infinity"},
        {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "soon"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"},
        # express-rate-limit#232: a date divided once too often lies in 1970
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "Mon, 19 Jan 1970 20:01:45 GMT"},
        # tokens, and the limit of a relay's own upstream
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"},
        {
            "llm_provider-x-ratelimit-remaining-requests": "0",
            "llm_provider-x-ratelimit-reset-requests": "6m0s",
        },
        {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": ISO},
        {"RateLimit-Policy": "0;w=60"},
        {"RateLimit-Policy": "100;w=0, 100;w=-1, ;w=60, x;w=60, 100"},
        {"RateLimit": '"default";r=-5;t=30'},
    ],
    ids=str,
)
def test_what_says_nothing_or_something_else_is_ignored(headers: dict[str, str]) -> None:
    assert read_quotas(CIMultiDict(headers), NOW) == []


names = st.sampled_from(
    ["RateLimit", "RateLimit-Policy", "RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Date"]
)


@given(
    st.dictionaries(names, st.text(max_size=80) | st.from_regex(r'[-\d.,;="rtqwmsµ :TZ+e]{0,60}'), max_size=6)
)
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    for quota in read_quotas(headers, NOW):
        assert quota.requests >= 0
        assert quota.seconds > 0


@pytest.mark.parametrize("part", ["1,", "9", "1m", '"a";q=1;w=1,', "a=1;", ";", " ", "µs"])
def test_no_header_takes_more_than_linear_time(part: str) -> None:
    headers = {"RateLimit": part * 100_000, "X-RateLimit-Remaining": part * 100_000}
    with linear():
        read_quotas(headers, NOW)


def test_a_429_without_retry_after_waits_for_the_quota_that_is_used_up() -> None:
    """OpenRouter and OpenAI's daily limit (hindsight#3508, dirge#719)."""
    body = b'{"error": {"message": "Rate limit exceeded"}}'
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "42s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    for more, seconds in ({}, 42.0), ({"Retry-After": "7"}, 7.0):
        with pytest.raises(RateLimited) as caught:
            decode(429, CIMultiDict({**headers, **more}), body, "a-task", NOW)
        assert caught.value.retry_after == seconds
