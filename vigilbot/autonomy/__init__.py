"""How far the bot may go with an answer (selective autonomy, stages)."""
