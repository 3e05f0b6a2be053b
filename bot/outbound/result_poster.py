"""Plans and posts results, and the summaries of cards with several tasks; fetches the videos of results.

`bot.outbound.message_poster` posts each exactly once.
"""

from typing import Final

from bot.cards.results import is_part, result_messages
from bot.cards.summary import is_summary, summary_messages
from bot.clock import Clock
from bot.core.names import file_stem
from bot.core.outcome import Delivery, Summary
from bot.core.policy import PollPolicy
from bot.core.watch import Card, Watch
from bot.outbound.attachments import Videos, fetch_videos
from bot.outbound.message_poster import MessagePoster, Posting, plainly
from bot.outbound.rest import DiscordRest
from bot.outbound.uploads import Uploads
from bot.store.store import Store
from bot.videos.downloader import VideoDownloader


class ResultPoster:
    """Posts results in their channels. `discord_clock` is Unix time by Discord's clock."""

    def __init__(
        self,
        store: Store,
        rest: DiscordRest,
        policy: PollPolicy,
        discord_clock: Clock,
        *,
        uploads: Uploads,
        downloader: VideoDownloader | None,
    ) -> None:
        self._store: Final = store
        self._rest: Final = rest
        self._uploads: Final = uploads
        self._downloader: Final = downloader
        self._policy: Final = policy
        self._messages: Final = MessagePoster(store, rest, discord_clock, uploads)

    def has_videos(self, watch: Watch) -> bool:
        """Return whether a result has videos to fetch."""
        task = watch.outcome.task if watch.outcome is not None else None
        return self._downloader is not None and task is not None and bool(task.videos)

    async def fetch_videos(self, card: Card, watch: Watch) -> Videos:
        """Fetch the videos of a result that its server's size limit allows."""
        task = watch.outcome.task if watch.outcome is not None else None
        if self._downloader is None or task is None:
            return Videos()
        limit, stem = self._uploads.limits.likely(card.guild_id), file_stem(watch.name, watch.task_id)
        return await fetch_videos(self._downloader, task.videos, limit, stem, card.language)

    def discard(self, videos: Videos) -> None:
        """Delete the videos of a result."""
        if self._downloader is not None:
            self._downloader.discard(videos.files.values())

    async def post(self, card: Card, watch: Watch, videos: Videos) -> None:
        """Send the remaining messages of an ended watch's result, with the given videos.

        After any exception, calling this again continues where it stopped.

        Raises:
            Exception: a message could not be sent or its id could not be stored.
        """
        if watch.outcome is None:
            raise ValueError("only an ended watch has a result")
        files = self._rest.may_attach(card)
        messages = result_messages(
            watch.task_id,
            watch.outcome,
            await self._store.people.of_result(card, watch.id),
            card.language,
            self._policy,
            name=watch.name,
            files=files,
            silent=card.batch,
        )

        def matches(content: str, delivery: Delivery, parts: int) -> bool:
            return is_part(content, watch.task_id, delivery.part, parts)

        posting = Posting(
            card,
            watch.id,
            self._store.results,
            nonce=f"{card.message_id:x}-{watch.position}",
            what="result",
            about={"task": watch.task_id},
            matches=matches,
        )
        await self._messages.post(posting, messages, videos)

    async def post_summary(self, card: Card, summary: Summary) -> None:
        """Send the remaining messages of a card's summary; its results are posted or given up.

        Raises:
            Exception: as for `post`.
        """
        if (summarized := await self._store.summaries.read(card.id)) is None:
            return  # the card is gone
        posting = Posting(
            card,
            summary.watch_id,
            self._store.summaries,
            nonce=f"{card.message_id:x}-s",
            what="summary",
            about={},
            matches=_is_summary,
        )
        await self._messages.post(posting, summary_messages(card, summarized), Videos())


def _is_summary(content: str, delivery: Delivery, _parts: int) -> bool:
    """Return whether a content is that of a planned message, or of the form that it had when refused."""
    return any(is_summary(content, form.content) for form in (delivery.message, plainly(delivery.message)))
