"""The product without an account: a written story in the terminal, or a workspace in the browser.

story    what people say
told     the story in the terminal, on a simulated clock
stage    the workspace with its people and channels, and the bot in it
venue    the Slack workspace or Lark tenant in which it happens
player   plays the story, or an export, on that stage
side     what the page shows of the bot's own view
live     all of it on one port
"""

from vigilbot.demo.told import play as play
