"""The number of the database schema.  Apart: a hook compares it before it loads anything."""

SCHEMA_VERSION = 6
