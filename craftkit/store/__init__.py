"""SQLite state: one connection, explicit transactions, one module per family of tables."""
