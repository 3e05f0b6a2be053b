"""Every sentence that people read, in one catalogue; `say` puts it into a language.

The English sentence is the key of the gettext catalogues in `bot/locale`: this module is itself the catalogue
`en`. The others are compiled when the bot is built; what one of them lacks is said in English. Values are
filled in after the translation and must be made safe for the chat by the caller (`bot.cards.text`).

The bot's voice: name the task, say what is the case, then what happens next or what the reader can do. Short,
calm, no exclamation marks, no jargon of ours.
"""

import gettext
from functools import cache
from pathlib import Path
from typing import Final

LOCALES: Final = Path(__file__).parent / "locale"
ENGLISH: Final = "en"
LANGUAGES: Final = (
    ENGLISH,
    *sorted(catalogue.parent.name.replace("_", "-") for catalogue in LOCALES.glob("*/LC_MESSAGES")),
)
"""What the bot speaks: English, and whatever has a catalogue; each by Discord's name for it."""
_DOMAIN: Final = "bot"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(_DOMAIN, LOCALES, [_folder(language)], fallback=True)


def _folder(language: str) -> str:
    return language.replace("-", "_")


def unspoken() -> list[str]:
    """Return the languages that come out as English, because their catalogues are not compiled."""
    others = [language for language in LANGUAGES if language != ENGLISH]
    return [language for language in others if gettext.find(_DOMAIN, LOCALES, [_folder(language)]) is None]


def language_for(locale: str | None) -> str:
    """Return the language to speak where Discord gave `locale`, English where we have no better one.

    Simplified Chinese is for `zh-CN` alone: who has chosen `zh-TW` reads other characters and other words.
    """
    return next((language for language in LANGUAGES if language == locale), ENGLISH)


def say(language: str, sentence: str, /, **values: object) -> str:
    """Return a sentence of this catalogue in `language` with its values filled in."""
    return _catalogue(language).gettext(sentence).format(**values)


# States, as a heading of a card and of an answer.
QUEUED = "Queued"
RENDERING = "Rendering"
FINISHED = "Finished"
FAILED = "Failed"
STATE_UNKNOWN = "State “{state}”"
NOT_VISIBLE_YET = "Not visible yet"
NO_ANSWER_YET = "No answer yet"
FINISHED_EMPTY = "Finished without a video"
VANISHED = "Vanished"
REFUSED = "Refused by the task API"
TIMED_OUT = "No longer watched"
STOPPED = "Stopped"
NO_SUCH_TASK = "No such task"

# Cards.
LOOKING = "Looking at `{task}`…"
LOOKING_AT_SEVERAL = "Looking at {count} tasks…"
STARTED = "Started {when}"
EXPECTED = "done {when}"
WATCHED_SINCE = "Watched since {when}"
ACTION = "Action: {action}"
CREATED = "Created {when}"
UPDATED = "Updated {when}"
ENDED = "Ended {when}"
WATCHING = "Watched for {starter}. The result comes as a reply to this card."
WATCHING_SEVERAL = "Watched for {starter}. Each result comes as a reply to this card."
SOME_FINISHED = "{done} of {total} finished"
SOME_FAILED = "{count} failed"
NOTIFY_ME = "Notify me"
NOTIFY_ME_TOO = "Notify me · {count}"
STOP = "Stop"
WAITING_FOR_TASK = (
    "The task API does not know this task yet. New tasks can take a minute to appear; I keep looking."
)
WAITING_FOR_ANSWER = "The task API has not answered about this task yet. I keep trying."
WAITING_AFTER_RESTART = "I was restarted and wait for the task API's first answer about this task."
WAITING_FOR_VIDEO = "The task is finished, its video is not there yet. I keep looking."
TASK_SILENT = "The task API has not answered about this task since {when}. I keep trying."
TASK_REFUSED = "The task API has refused requests about this task since {when}. I keep trying."
TASK_KEY_REFUSED = "The task API has refused our key for this task since {when}. I keep trying."
TASK_LIMITED = "The task API has limited requests about this task since {when}. I keep trying."
LAST_SAID = "It last said: {message}"
API_SILENT = "The task API has not answered since {when}. I keep trying; nothing is lost."
API_REFUSED = (
    "The task API has refused our key since {when}. Please ask the bot's operator to check the API key."
)
API_BACK = "The task API answers again since {when}."
SEE_RESULT = "The result is in the reply below."
SEE_REPLY = "More in the reply below."
SEE_REPLIES = "The results are in the replies below."

# Ends.
END_VANISHED = "The task API knew this task before and no longer does. There is nothing left to wait for."
END_EMPTY = "The task API says that it succeeded, but it gave no video, also not when asked again."
END_REFUSED = (
    "The task API has refused every request about this task for {minutes} minutes, so I stopped asking. "
    "`/veo watch` follows it again."
)
END_STALLED = "Nothing has changed for {hours} hours, so I stopped looking. `/veo watch` follows it again."
END_TOO_OLD = "I have watched this for {hours} hours and stopped looking. `/veo watch` follows it again."
END_STOPPED = "Stopped by {person}."
END_NO_SUCH_TASK = "The task API never knew this id. Check it and watch again."
FAILED_WITHOUT_WORDS = "The task API gave no reason."
LINKS_REFUSED = "Not shown, because not a web link: {names}"
LINKS_IN_FILE = "More links are in the attached `{name}`."
AND_MORE = "and {count} more"

# Answers to the person who asked.
NOT_AN_ID = (
    "That is not a task id. An id has letters, digits and the signs `_` `.` `:` `-`, for example "
    "`8cb280b3-442e-1db2-43f0-6e73616eb474`. Paste it as the task API gave it."
)
NOT_IDS = "Left out, because not a task id: {names}"
TOO_MANY_IDS = "I take {limit} tasks at a time."
NOT_WATCHED = "Not watched: {tasks}"
NO_TASKS_FOUND = (
    "There is no task in that message. I look for ids such as `8cb280b3-442e-1db2-43f0-6e73616eb474` and for "
    "links of the task API."
)
UNKNOWN_TASK = "The task API does not know `{task}`. Check the id; a new task can take a minute to appear."
LOOK_FAILED = (
    "The task API did not answer about `{task}`. Try again in a minute, or let `/veo watch` wait for it."
)
LOOK_REFUSED = (
    "The task API refused our key for `{task}`. Please ask the bot's operator to check the API key."
)
LOOK_LIMITED = "The task API wants fewer questions right now. Try `{task}` again in a minute."
POLL_REFUSED = "The task API refused the request about `{task}`. Other tasks are not affected."
POLL_UNREADABLE = (
    "The task API's answer about `{task}` could not be read. Try again in a minute, or let `/veo watch` keep "
    "trying."
)
API_SAID = "It said: {message}"
NEEDS_SERVER = "Watching needs a channel of a server. Use `/veo watch` there; `/veo status` works here, too."
NOT_ALLOWED_HERE = "This bot is not enabled on this server."
PERSON_IS_FULL = (
    "One person may have {limit} live watches, and you have {count}. "
    "Stop one with `/veo stop`, or wait until one ends."
)
SERVER_IS_FULL = (
    "One server may have {limit} live watches, and this one has {count}. "
    "Stop one with `/veo stop`, or wait until one ends."
)
MISSING_PERMISSIONS = (
    "I cannot watch {tasks} in this channel: I lack the permission {permissions} here. "
    "Somebody who manages the server can grant it."
)
CANNOT_POST = (
    "I can no longer post in this channel. Results wait and come once I can: "
    "somebody who manages the server can restore my permissions here."
)
NOT_INVITED = (
    "I cannot watch {tasks} on this server: only my commands are installed here, so I cannot post anything. "
    "Somebody who manages the server can add me: {link}"
)
NOT_IN_THREAD = (
    "I cannot watch {tasks} in this private thread, because I am not in it. "
    "Add me to this thread by mentioning {bot} here, then try again."
)
ALREADY_WATCHED = "`{task}` is watched here already: {link}. I will mention you when it ends."
NOW_FOLLOWING = "I will mention you when {tasks} ends. Press the button again to change your mind."
NOW_FOLLOWING_SEVERAL = (
    "I will mention you each time that one of these ends: {tasks}. "
    "Press the button again to change your mind."
)
NO_LONGER_FOLLOWING_SEVERAL = (
    "I will not mention you when one of these ends: {tasks}. Press the button again to change your mind."
)
NO_LONGER_FOLLOWING = "I will not mention you when {tasks} ends. Press the button again to change your mind."
STOPPED_FOR_YOU = "I stopped watching {tasks}. `/veo watch` follows it again."
MAY_NOT_STOP = (
    "Only {starter}, who started this watch, and people with the permission **Manage Messages** may stop it."
)
CARD_IS_OVER = "This card is not followed any more. `/veo watch` with its id follows the task again."
CARD_IS_OVER_FOR = "This card is not followed any more. You can watch again: {tasks}"
WATCH_AGAIN = "Watch again"
NOT_WATCHED_HERE = "`{task}` is not watched in this channel. `/veo watch` follows it."
RESTARTING = "I am about to restart. Try again in a minute; nothing that is watched is lost."
NOT_SAVED = (
    "I could not save the watch of {tasks}, so nothing is watched. "
    "Please ask the bot's operator to check its log."
)
NOT_STORED = "I could not save that, so nothing has changed. Please ask the bot's operator to check its log."
BROKEN = "I could not do that. The bot's operator can find the reason in the log under `{reference}`."

# The list, and the ids that are offered while somebody types.
NOTHING_WATCHED = (
    "Nothing is watched in the channels that you can see. `/veo watch` with a task's id follows a render."
)
CHANNEL_CLOSED = (
    "I may not write in this channel right now. I keep watching, and keep trying for a day. "
    "Somebody who manages the server can give me access again."
)
ACCESS_WAS_LOST = "I could no longer write in this channel, so I stopped. `/veo watch` follows it again."
LIVE_WATCHES = "Live watches: {count}"
OPEN_CARD = "open"
PAGE = "Page {page} of {pages}"
AGE_NOW = "just now"
AGE_MINUTES = "{count} min"
AGE_HOURS = "{count} h"
AGE_DAYS = "{count} d"

# Names of Discord's permissions, as its own settings call them.
PERMISSIONS: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
    "connect": "Connect",
    "manage_threads": "Manage Threads",
}

# Commands, in Discord's picker.
VEO_DESCRIPTION = "Follow renders of the Veo task API"
STATUS_DESCRIPTION = "Look at a render once"
WATCH_DESCRIPTION = "Follow a render on a card in this channel until it ends"
LIST_DESCRIPTION = "See what is being watched in the channels that you can see"
STOP_DESCRIPTION = "End a watch in this channel"
ID_DESCRIPTION = "The task's id, or a link that ends in it"
IDS_DESCRIPTION = "The task's id, or a link that ends in it; several with spaces between them"
WATCH_MENU = "Watch Veo tasks"
