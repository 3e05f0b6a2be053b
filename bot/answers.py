"""The answers to people who use commands and buttons, errors too; `bot.messages` says how to write them."""

from typing import Final

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
ALREADY_WATCHED = "`{task}` is already watched here: {link}. {promise}"
ALREADY_WATCHED_AS = "`{task}` is already watched here as **{name}**: {link}. {promise}"
WILL_NOTIFY = "I will notify you when it ends."
WILL_NOTIFY_ONCE = "I will notify you once all renders on its card have ended."
NOW_FOLLOWING = "I will notify you when {tasks} ends. Press the button again to turn this off."
NOW_FOLLOWING_SEVERAL = (
    "I will notify you each time one of these ends: {tasks}. Press the button again to turn this off."
)
NOW_FOLLOWING_ALL = (
    "I will notify you once all of these have ended: {tasks}. Press the button again to turn this off."
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
PREVIOUS_PAGE = "◀ Previous"
NEXT_PAGE = "Next ▶"

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
