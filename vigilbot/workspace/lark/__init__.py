"""A Lark tenant on loopback: what a bot of Lark or Feishu talks to, in tests and in the demonstration."""

from vigilbot.workspace.lark.tenant import LarkTenant as LarkTenant
