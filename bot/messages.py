"""Every sentence that people read; `say` translates it and fills in the values.

The English sentence is the key of the gettext catalogues in `bot/locale`; what a catalogue lacks is said in
English. Values are filled in after the translation: the caller escapes them (`bot.cards.text`).

Voice: name the render, say what happened, then what happens next or what the reader can do. Short and calm,
no exclamation marks, no private vocabulary. "Render" for people, "task" only where the id is meant.
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
"""The bot's languages by Discord's locale codes: English, and every language with a catalogue."""
_DOMAIN: Final = "bot"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(_DOMAIN, LOCALES, [language.replace("-", "_")], fallback=True)


def uncompiled_languages() -> list[str]:
    """Return the languages that fall back to English because their catalogues are not compiled."""
    others = [language for language in LANGUAGES if language != ENGLISH]
    return [name for name in others if gettext.find(_DOMAIN, LOCALES, [name.replace("-", "_")]) is None]


def language_for(locale: str | None) -> str:
    """Return the language for a Discord locale, else English: `zh-TW` has other characters and words."""
    return next((language for language in LANGUAGES if language == locale), ENGLISH)


def say(language: str, sentence: str, /, **values: object) -> str:
    """Return one of this module's sentences in `language`, with its values filled in."""
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
CHECKING = "Checking `{task}`…"
CHECKING_SEVERAL = "Checking {count} renders…"
STARTED = "Started {when}"
EXPECTED = "done {when}"
NO_CHANGE = "No change since {when}"
WATCH_STARTED = "Watch started {when}"
ACTION = "Action: {action}"
CREATED = "Created {when}"
UPDATED = "Updated {when}"
ENDED = "Ended {when}"
WATCHING = "Watching for {people}. {promise}"
RESULT_WILL_COME = "The result will be posted as a reply to this card."
RESULTS_WILL_COME = "Each result will be posted as a reply to this card."
SOME_READY = "{done} of {total} ready"
SOME_FAILED = "{count} failed"
SOME_STOPPED = "{count} stopped"
SOME_UNKNOWN = "{count} unknown"
NOTIFY_ME = "Notify me"
NOTIFY_ME_TOO = "Notify me · {count}"
STOP = "Stop"
WAITING_FOR_TASK = (
    "The task API does not know this render yet. A new render can take a minute to appear; I will keep "
    "checking."
)
WAITING_FOR_ANSWER = "The task API has not answered about this render yet. I will keep trying."
WAITING_AFTER_RESTART = "I just restarted and am waiting for the task API's first answer about this render."
WAITING_FOR_VIDEO = "The render is finished, but its video is not there yet. I will keep checking."
TASK_SILENT = "The task API stopped answering about this render {when}. I will keep trying."
TASK_REFUSED = "The task API started refusing requests about this render {when}. I will keep trying."
TASK_KEY_REFUSED = "The task API started rejecting the bot's key for this render {when}. I will keep trying."
TASK_LIMITED = "The task API started limiting requests about this render {when}. I will keep trying."
LAST_MESSAGE = "Its last message: {message}"
API_SILENT = "The task API stopped answering {when}. I will keep trying; nothing will be lost."
API_REFUSED = (
    "The task API started rejecting the bot's key {when}. Please ask the bot's operator to check the API key."
)
API_BACK = "The task API started answering again {when}."
SEE_RESULT = "The result is in the reply below."
SEE_REPLY = "See the reply below for details."
SEE_REPLIES = "The results are in the replies below."

# Ends.
END_VANISHED = "The task API knew this render before but no longer does, so I stopped watching."
END_EMPTY = "The task API reports success but returned no video, even after several retries."
END_REFUSED = (
    "The task API refused every request about this render for {minutes} minutes, so I stopped watching. Use "
    "`/veo watch` to watch it again."
)
END_STALLED = (
    "Nothing has changed for {hours} hours, so I stopped watching. Use `/veo watch` to watch it again."
)
END_TOO_OLD = (
    "I have watched this render for {hours} hours, which is the limit. Use `/veo watch` to watch it again."
)
END_STOPPED = "Stopped by {person}."
END_NO_SUCH_TASK = "The task API has never known this id. Check the id and watch again."
TOOK = "Took {time}, queue included"
FAILED_WITHOUT_REASON = "The task API gave no reason."
LINKS_REFUSED = "Not shown (not a web link): {names}"
VIDEO = "video {number}"
LINKS_IN_FILE = "More links are in the attached file `{name}`."
AND_MORE = "and {count} more"
AND_MORE_PEOPLE = "and {count} more people"

# Answers to the person who asked.
NOT_AN_ID = (
    "That is not a task id. Ids consist of letters, digits and `_` `.` `:` `-`, for example "
    "`8cb280b3-442e-1db2-43f0-6e73616eb474`. Paste the id exactly as the task API gave it."
)
NOT_IDS = "Left out (not a task id): {names}"
TOO_MANY_IDS = "I can take up to {limit} ids at once."
NOT_WATCHED = "Not watched: {tasks}"
NO_TASKS_FOUND = (
    "I found no task id in that message. I look for ids such as `8cb280b3-442e-1db2-43f0-6e73616eb474` and "
    "for task API links."
)
UNKNOWN_TASK = "The task API does not know `{task}`. Check the id; a new render can take a minute to appear."
POLL_FAILED = (
    "The task API did not answer about `{task}`. Try again in a minute, or use `/veo watch` and I will keep "
    "trying."
)
POLL_KEY_REFUSED = (
    "The task API rejected the bot's key for `{task}`. Please ask the bot's operator to check the API key."
)
POLL_LIMITED = "The task API is limiting requests right now. Try `{task}` again in a minute."
POLL_REFUSED = "The task API refused the request about `{task}`. Other renders are not affected."
POLL_UNREADABLE = (
    "I could not read the task API's answer about `{task}`. Try again in a minute, or use `/veo watch` and "
    "I will keep trying."
)
API_SAID = "It said: {message}"
NEEDS_SERVER = (
    "I can only watch renders in a server's channels. Use `/veo watch` there; `/veo status` works here too."
)
NOT_ALLOWED_HERE = "This bot is not enabled on this server."
NOT_ALLOWED_IN_DM = "This bot is not enabled in direct messages."
PERSON_IS_FULL = (
    "Each person can have up to {limit} live watches, and you have {count}. Stop one with `/veo stop`, or "
    "wait until one ends."
)
SERVER_IS_FULL = (
    "Each server can have up to {limit} live watches, and this one has {count}. Stop one with `/veo stop`, "
    "or wait until one ends."
)
MISSING_PERMISSIONS = (
    "I cannot watch {tasks} in this channel. I am missing permissions here: {permissions}. Someone who "
    "manages the server can grant them."
)
CANNOT_POST = (
    "I can no longer post in this channel. I will keep the results and post them once I can. Someone who "
    "manages the server can restore my permissions here."
)
NOT_INVITED = (
    "I cannot watch {tasks} on this server. Only my commands are installed here, so I cannot post. Someone "
    "who manages the server can add me: {link}"
)
NOT_IN_THREAD = (
    "I cannot watch {tasks} in this private thread because I am not in it. Mention {bot} here to add me, "
    "then try again."
)
ALREADY_WATCHED = "`{task}` is already watched here: {link}. I will notify you when it ends."
ALREADY_WATCHED_AS = "`{task}` is already watched here as **{name}**: {link}. I will notify you when it ends."
NOW_FOLLOWING = "I will notify you when {tasks} ends. Press the button again to turn this off."
NOW_FOLLOWING_SEVERAL = (
    "I will notify you each time one of these ends: {tasks}. Press the button again to turn this off."
)
NO_LONGER_FOLLOWING_SEVERAL = (
    "I will not notify you when these end: {tasks}. Press the button again to turn this back on."
)
NO_LONGER_FOLLOWING = "I will not notify you when {tasks} ends. Press the button again to turn this back on."
STOPPED_FOR_YOU = "I stopped watching {tasks}. Use `/veo watch` to watch again."
MAY_NOT_STOP = (
    "Only {starter}, who started this watch, and people with the permission **Manage Messages** can stop it."
)
CARD_IS_OVER = "This card is no longer updated. Use `/veo watch` with the task id to watch the render again."
CARD_IS_OVER_FOR = "This card is no longer updated. You can watch again: {tasks}"
WATCH_AGAIN = "Watch again"
NOT_WATCHED_HERE = "`{task}` is not watched in this channel. Use `/veo watch` to watch it."
RESTARTING = "I am restarting. Try again in a minute; all watches are kept."
NOT_SAVED = (
    "I could not save the watch for {tasks}, so it did not start. Please ask the bot's operator to check "
    "the log."
)
NOT_STORED = "I could not save that, so nothing has changed. Please ask the bot's operator to check the log."
COMMAND_FAILED = "I could not do that. The bot's operator can find the cause in the log under `{reference}`."

# The list, and the ids that are offered while somebody types.
NOTHING_WATCHED = (
    "No renders are being watched in the channels you can see. Use `/veo watch` with a task id to watch one."
)
CHANNEL_CLOSED = (
    "I cannot post in this channel right now. I am still watching and will keep trying to post for a day. "
    "Someone who manages the server can restore my permissions."
)
ACCESS_WAS_LOST = (
    "I could no longer post in this channel, so I stopped watching. Use `/veo watch` to watch it again."
)
LIVE_WATCHES = "Live watches: {count}"
ENDED_LATELY = "Ended in the last 24 hours: {count}"
OPEN_CARD = "open"
OPEN_RESULT = "result"
PAGE = "Page {page} of {pages}"
AGE_NOW = "just now"
SECONDS = "{count} s"
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
VEO_DESCRIPTION = "Watch renders of the Veo task API"
STATUS_DESCRIPTION = "Check a render once"
WATCH_DESCRIPTION = "Watch a render on a card in this channel until it ends"
LIST_DESCRIPTION = "List what is being watched in the channels you can see"
STOP_DESCRIPTION = "Stop watching a render in this channel"
ID_DESCRIPTION = "The task id, or a link to the task"
IDS_DESCRIPTION = "Task ids or links to tasks, separated by spaces"
NAME_DESCRIPTION = "What to call the render, for example: shot 12. Several renders are numbered"
WATCH_MENU = "Watch Veo tasks"
