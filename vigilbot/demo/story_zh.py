"""The same on-calls in Chinese, for a support group in Feishu."""

from __future__ import annotations

from vigilbot.demo.story import Accept, Heading, Say, Step, Wait

STORY_ZH: tuple[Step, ...] = (
    Heading(text="1. 还没有人回答过的问题:机器人保持安静,并从人工回答中学习"),
    Say(
        thread="nina",
        who="Nina",
        text="大家好!从今天早上开始,我们每晚导出到 Harbor 存储桶都报 ERR-4031。这是什么原因?怎么恢复?",
    ),
    Say(thread="nina", who="Sam", text="你好 Nina,我看一下。", after=4),
    Say(
        thread="nina",
        who="Sam",
        text="ERR-4031 表示存储桶的写入令牌已过期。请在“设置 > 令牌”里新建一个令牌,然后重启导出程序:"
        "https://docs.harbor.example/tokens",
        after=9,
    ),
    Say(thread="nina", who="Nina", text="可以了,谢谢!", after=6),
    Heading(text="2. 换一种说法的同一个问题:卡片比人工先到,并被采纳"),
    Say(
        thread="omar",
        who="Omar",
        text="从今天开始,上传到 Harbor 存储桶时报错 ERR-4031,怎么恢复?",
        after=40,
    ),
    Accept(thread="omar", who="Omar", after=3),
    Heading(text="3. 等待中的问题:一次解答,另一个群聊话题也得到答案"),
    Say(
        thread="rosa",
        who="Rosa",
        text="怎么把 Harbor 存储桶迁移到法兰克福区域,而且不停机?",
        after=45,
    ),
    Say(
        thread="timo",
        who="Timo",
        text="能不能把我们的 Harbor 存储桶不停机迁移到法兰克福区域?",
        after=10,
    ),
    Say(
        thread="timo",
        who="Sam",
        text="可以:先在法兰克福新建存储桶并打开复制,等延迟显示为零,再切换存储桶的别名:"
        "https://docs.harbor.example/move-region",
        after=8,
    ),
    Wait(minutes=10, why="解答给出几分钟之后被学习"),
)
