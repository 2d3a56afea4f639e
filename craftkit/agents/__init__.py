"""What coding agents are given: commands, a skill, a plugin.  All made from `slash-commands/`."""
