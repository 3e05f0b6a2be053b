"""The report's words: what was measured, how, and under which load."""

from typing import Final

INTRO: Final = """\
The real process `python -m bot` on one core, the simulated Discord and task API on another, over real sockets, with the
settings as they are shipped and a fresh database; beside it [a plain discord.py bot](plain_bot.py) with a loop of 5 s for
each watch. Discord takes 0.1 s for each answer; renders take 1-3 minutes and tell their true progress, unless a row says
otherwise; whoever gets a result begins another watch. Videos are links on this machine, which the bot refuses to fetch.
Times are seconds, as *median (95 %)* of a run, and of these the median of the runs. Every ratio is **ours ÷ the other's:
below 1, ours is better**."""
SPLIT: Final = """\
Scenes of up to 500 watches are played side by side, ours and the plain one's at once: they leave both cores idle. A card is
*behind* by how long the truth has differed from what it shows, looked at every 0.25 s. After 15 minutes an
interaction's token has ended, and cards are edited within their channel's limit. The longest stall is that of
`/healthz`, and how late polls began is what the bot itself counts; the plain bot has neither. What was not posted six seconds after the window counts for as long as was waited."""
STRAIN: Final = """\
A task API far away, one that takes few requests, many ends at once, and restarts by `kill -9` (the plain bot forgets what it
watched). Where few requests are allowed, what is more is answered with 429 and `Retry-After: 1`. Renders take 1-10 minutes
where they are far away or 1,000 and more."""
FRESH: Final = """\
In virtual time, on kinds of renders that APIs and relays really show. *Late* is the mean time from an end to the poll that
saw it. *Taught* is after 400 renders of the kind, *untaught* the first 20 renders of a new bot, *after a change* the first
20 renders of the kind after 400 of each of the 13 others, *worst* after the worst of these. Fixed pauses, the ETA
policy (sleep for a share of what is left by progress, 60 s at most) and the optimum are compared at as many polls as ours took; the
optimum is computed by dynamic programming over the kind's known distribution, with pauses of any length, which the bot
must learn and keep between 1 and 60 s. Where it polls less than ours at any price, that is said in brackets."""
GROWING: Final = "Ours alone; ten renders a card, of 1-10 minutes each, over up to 200 channels."
