"""What coding agents get of craftkit: skill, commands, hooks and MCP server, and their files."""
