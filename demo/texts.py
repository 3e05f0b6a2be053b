"""What the demo says in its page and in the terminal, in English and its translations."""

from collections.abc import Mapping
from typing import Any, Final

from sim.task_api.renders import (
    EMPTY,
    FAILS,
    FINISHED,
    LATE,
    QUEUES,
    STALLS,
    STANDS_STILL,
    SUCCEEDS,
    TAKES,
    VANISHES,
)

TRIED: Final = (SUCCEEDS, FAILS, STANDS_STILL, FINISHED)
"""The renders that the page's first message offers, one by one."""

WELCOME: Final = (
    "### Try it: type `/veo watch`, press Enter, paste one of these ids, press Enter\n"
    "{renders}\n"
    "### Four takes on one card, and one ping when the last has ended\n"
    "Paste all four as the id: `{takes}`\n"
    "then click “+1 more”, choose `name` and call them what you like.\n"
    "### Be somebody else\n"
    "Choose Marco under “Viewing as” at the top and press *Notify me*: the result pings both of you.\n"
    "-# `/veo list` shows what is watched, `/veo status` asks once, `/veo stop` ends a watch.{fast}"
)

_CHINESE: Final = {
    # The page and the terminal.
    "Setting up a Discord server with the bot in it, all on this machine …": (
        "正在本机搭建一个装有机器人的 Discord 服务器……"
    ),
    "The bot is logged in and polls a simulated Veo task API on {url}.": (
        "机器人已登录，正在查询模拟的 Veo 任务接口：{url}"
    ),
    "The simulated Veo task API listens on {url} and accepts any key.": (
        "模拟的 Veo 任务接口正在 {url} 上运行，接受任意密钥。"
    ),
    "Point a bot at it with {setting}": "让机器人使用它：{setting}",
    "Open this address in a browser on this machine:": "请在本机的浏览器中打开这个地址：",
    "The page says what to type. Each of these renders starts when it is first asked for:": (
        "页面里写了该输入什么。下面这些任务都可以试，有人第一次查询时才会开始："
    ),
    "Press Ctrl-C to end the demo.": "按 Ctrl-C 结束演示。",
    "The demo has ended.": "演示已结束。",
    "Every render arrives here": "渲染好的视频都会送到这里",
    "Everything runs {speed} times as fast.": "一切都以 {speed} 倍速运行。",
    WELCOME: (
        "### 试一试：输入 `/veo watch`，按回车，粘贴下面任意一个 ID，再按回车\n"
        "{renders}\n"
        "### 四个镜头，一张卡片，全部结束时只提醒一次\n"
        "把四个 ID 一起粘贴：`{takes}`\n"
        "然后点击“+1 more”，选择 `name`，随意起个名字。\n"
        "### 换一个人\n"
        "在页面顶部的“Viewing as”中选择 Marco，再按卡片上的“通知我”：结果出来时会同时提醒你们两人。\n"
        "-# `/veo list` 列出正在跟踪的任务，`/veo status` 查询一次，`/veo stop` 停止跟踪。{fast}"
    ),
    # The renders.
    SUCCEEDS.says: "渲染大约一分钟，交付两个视频，链接很长且带签名。",
    FAILS.says: "渲染 25 秒，到 45 % 时因内容政策失败。",
    STALLS.says: "40 秒内到达 72 %，之后再也不动。",
    QUEUES.says: "排队三分钟，再渲染一分钟，交付一个视频。",
    FINISHED.says: "半小时前就已完成：视频马上就有。",
    EMPTY.says: "20 秒后成功，但没有视频。",
    VANISHES.says: "渲染 20 秒，之后接口不再认识它。",
    LATE.says: "前 8 秒接口还不认识它，随后出现、渲染并交付一个视频。",
    STANDS_STILL.says: "停在 64 % 已有十分钟。",
    TAKES[0].says: "四个镜头中的第一个：24 秒后完成。",
    TAKES[1].says: "第二个镜头：36 秒后失败。",
    TAKES[2].says: "第三个镜头：44 秒后完成。",
    TAKES[3].says: "最后一个镜头：56 秒后完成。",
    # The tour.
    "{person}: {line}": "{person}：{line}",
    "The bot answers everybody:": "机器人公开回复：",
    "The bot answers {person} alone:": "机器人只回复 {person}：",
    "{person} presses “{label}”.": "{person} 按下“{label}”。",
    "The bot replies to its card, once:": "机器人回复它的卡片，只此一次：",
    "Its video follows by an edit, which pings nobody:": "视频随后通过一次编辑补上，不会提醒任何人：",
    "The card shows it:": "卡片上显示：",
    "Harbour": "港口",
    "Fog": "雾",
    "Lighthouse": "灯塔",
    "A render succeeds": "渲染成功",
    "Somebody starts a render in another program and pastes its id into the channel.": (
        "有人在别的程序里开始渲染，把 ID 贴到频道里。"
    ),
    "{file} downloads: an MP4 of {size} KiB.": "{file} 可以下载：{size} KiB 的 MP4。",
    "A render fails, and an unknown id": "渲染失败，以及未知的 ID",
    "A render stands still": "渲染停住了",
    "A render has already ended": "渲染早已结束",
    "The bot restarts in the middle of a render": "渲染途中机器人重启",
    "The bot is stopped. The render goes on without it.": "机器人已停止，渲染仍在继续。",
    "A new bot starts on the same database.": "新的机器人用同一个数据库启动。",
    "Ten minutes later there is still this one result.": "十分钟后，仍然只有这一条结果。",
    "Several renders on one card, a list, and a stop": "一张卡片上的多个渲染、列表和停止",
    "{person} opens the message's menu and picks “{item}”.": "{person} 打开这条消息的菜单，选择“{item}”。",
    "Four takes on one card, and one ping": "四个镜头，一张卡片，一次提醒",
    "The bot replies silently, it pings nobody:": "机器人静默回复，不提醒任何人：",
    "The last take has ended. The bot replies once more:": "最后一个镜头已结束，机器人再回复一次：",
    "One of them had a result, so the bot sums up:": "其中一个已有结果，机器人汇总如下：",
    "All of this just happened; nothing was recorded.": "以上一切都是刚刚发生的，没有任何录制。",
    "{count} second ago": "{count} 秒前",
    "in {count} second": "{count} 秒后",
    "{count} seconds ago": "{count} 秒前",
    "in {count} seconds": "{count} 秒后",
    "{count} minute ago": "{count} 分钟前",
    "in {count} minute": "{count} 分钟后",
    "{count} minutes ago": "{count} 分钟前",
    "in {count} minutes": "{count} 分钟后",
}
_TRANSLATIONS: Final[Mapping[str, Mapping[str, str]]] = {"zh-CN": _CHINESE}


def text(language: str, sentence: str, **values: Any) -> str:
    """Return a sentence in a language, in English where the demo has no translations at all.

    Raises:
        KeyError: the language's translations lack this sentence.
    """
    return _TRANSLATIONS.get(language, {sentence: sentence})[sentence].format(**values)


def welcome(language: str, speed: float) -> str:
    """Return the page's first message: what a visitor can type."""
    renders = "\n".join(f"`{render.id}` {text(language, render.says)}" for render in TRIED)
    takes = " ".join(render.id for render in TAKES)
    fast = (
        ""
        if speed == 1
        else " " + text(language, "Everything runs {speed} times as fast.", speed=f"{speed:g}")
    )
    return text(language, WELCOME, renders=renders, takes=takes, fast=fast)
