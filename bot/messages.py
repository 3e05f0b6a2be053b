"""The sentences on cards and results, and in Discord's picker; `say` translates them and fills in the values.

The answers to people, errors too, are in `bot.answers`.

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
SUMMARY_WILL_COME = "Each result will be posted as a reply to this card, and a summary once all have ended."
SOME_READY = "{done} of {total} ready"
SOME_FAILED = "{count} failed"
SOME_STOPPED = "{count} stopped"
SOME_UNKNOWN = "{count} unknown"
SOME_RUNNING = "{count} still running"
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

# Times.
AGE_NOW = "just now"
SECONDS = "{count} s"
AGE_MINUTES = "{count} min"
AGE_HOURS = "{count} h"
AGE_DAYS = "{count} d"

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
