"""The tables, as sqlite-utils migrations; imported only when a database is new or old.

`PRAGMA user_version` names the schema, so that a current database is recognised without loading
sqlite-utils.  A migration is one function; it is applied in one transaction with the row that
records it, so that a crash inside leaves the old schema.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from craftkit.store.version import SCHEMA_VERSION

migrations = Migrations("craftkit")

TABLES = (
    """create table specs (
        id text primary key, path text not null, dialect text not null, name text not null,
        phase text, issue integer, branch text, created_at text not null, updated_at text not null
    ) strict""",
    """create table views (
        worktree text not null, path text not null, spec_id text not null, digest text not null,
        done integer not null, total integer not null, seen_at text not null,
        primary key (worktree, path)
    ) strict""",
    # base_done is what craftkit last settled; null until the task is first seen.
    """create table tasks (
        spec_id text not null references specs(id) on delete cascade,
        task_id text not null, key text, title text not null, issue integer,
        base_done integer check (base_done in (0, 1)),
        dropped integer not null default 0 check (dropped in (0, 1)),
        updated_at text not null,
        primary key (spec_id, task_id)
    ) strict""",
    """create table claims (
        spec_id text not null, task_id text not null, session text not null, agent text not null,
        worktree text not null, branch text, head text, actor text not null,
        started_at text not null,
        primary key (spec_id, task_id)
    ) strict""",
    """create table sessions (
        id text not null, worktree text not null, agent text not null, actor text not null,
        started_at text not null, seen_at text not null, ended_at text, end_reason text,
        primary key (id, worktree)
    ) strict""",
    """create table workflow_state (
        worktree text not null, session text not null, spec_id text not null,
        task_id text, task_key text, task_number integer, task_title text,
        next_action text not null check (next_action in ('start', 'done', 'none')),
        agent text not null, branch text, head text, note text,
        version integer not null, saved_at text not null,
        primary key (worktree, session)
    ) strict""",
    """create table intents (
        id text primary key,
        kind text not null check (kind in ('start', 'done', 'reopen', 'drop')),
        spec_id text not null, task_id text not null, source text not null,
        payload text not null, worktree text not null, path text not null, session text not null,
        state text not null check (state in ('recorded', 'applied', 'abandoned')),
        process_id integer, created_at text not null, settled_at text
    ) strict""",
    "create index intents_open on intents (state) where state = 'recorded'",
    """create table outbox (
        id integer primary key autoincrement, intent_id text not null references intents(id),
        spec_id text not null, task_id text not null, issue integer not null,
        action text not null check (action in ('start', 'close', 'reopen', 'drop')),
        state text not null check (state in ('queued', 'sent', 'unknown', 'delivered', 'dead')),
        attempts integer not null default 0, error text,
        created_at text not null, updated_at text not null
    ) strict""",
    """create table processes (
        id integer primary key autoincrement, kind text not null, input text not null,
        status text not null check (status in ('running', 'completed', 'error', 'interrupted')),
        current_step text, interrupt_reason text, attempts integer not null,
        owner text not null, worktree text not null, session text not null,
        started_at text not null, updated_at text not null, finished_at text
    ) strict""",
    "create index processes_open on processes (status) where status <> 'completed'",
    """create table process_steps (
        process_id integer not null references processes(id) on delete cascade,
        position integer not null, name text not null,
        status text not null
            check (status in ('pending', 'running', 'success', 'error', 'skipped')),
        started_at text, completed_at text, result text, error text,
        retry_count integer not null default 0,
        primary key (process_id, position)
    ) strict""",
    """create table history (
        seq integer primary key autoincrement, at text not null, event text not null,
        spec_id text, task_id text, session text not null, agent text not null,
        actor text not null, branch text, head text, data text not null
    ) strict""",
    """create trigger history_no_update before update on history
        begin select raise(abort, 'history is append-only'); end""",
    """create trigger history_no_delete before delete on history
        begin select raise(abort, 'history is append-only'); end""",
    "create table parsed_yaml (digest text primary key, json text not null) strict",
)


@migrations(name="001_local_loop")
def local_loop(db: Database) -> None:
    for statement in TABLES:
        db.execute(statement)


GITHUB_TABLES = (
    # What spec and GitHub last agreed on; null until they have.
    "alter table tasks add column agreed integer check (agreed in (0, 1))",
    # Every issue that is ours: the parents of a spec (task_id null) and its sub-issues.
    """create table issues (
        repo text not null, number integer not null,
        spec_id text not null, task_id text, part text not null default '',
        id integer not null, node_id text not null,
        title text not null, -- as the spec last gave it
        primary key (repo, number)
    ) strict""",
    "create index issues_of_spec on issues (spec_id, task_id)",
    """create table writes (
        id integer primary key autoincrement,
        intent_id text references intents(id),
        spec_id text not null, task_id text, -- null: the parent's
        issue integer, -- null: it is to be made
        action text not null check (action in ('start', 'close', 'reopen', 'drop', 'create',
            'phase', 'retitle', 'block', 'duplicate', 'comment')),
        payload text not null default '{}',
        state text not null check (state in ('queued', 'sent', 'unknown', 'delivered', 'dead')),
        attempts integer not null default 0,
        high_water integer, -- of a creation: the highest issue number before it was sent
        not_before real not null default 0, -- seconds since 1970
        error text, created_at text not null, updated_at text not null
    ) strict""",
    """insert into writes (id, intent_id, spec_id, task_id, issue, action, state, attempts, error,
        created_at, updated_at)
        select id, intent_id, spec_id, task_id, issue, action, state, attempts, error, created_at,
        updated_at from outbox""",
    "drop table outbox",
    "alter table writes rename to outbox",
    "create index outbox_open on outbox (state) where state <> 'delivered'",
    # What was learnt of a server and is not asked again: capabilities, ids of labels, when to wait.
    """create table remembered (
        place text not null, name text not null, value text not null, at text not null,
        primary key (place, name)
    ) strict""",
)


@migrations(name="002_github")
def github(db: Database) -> None:
    for statement in GITHUB_TABLES:
        db.execute(statement)


AGENT_TABLES = (
    # What hooks remember of a session: when an event was last seen, what was said already.
    """create table hooks (
        session text not null, worktree text not null, name text not null,
        value text not null default '', at text not null,
        primary key (session, worktree, name)
    ) strict""",
)


@migrations(name="003_agents")
def agents(db: Database) -> None:
    for statement in AGENT_TABLES:
        db.execute(statement)


# A decision is the head row of its process; which tasks it is about is an index of its own.
DECISION_TABLES = (
    "alter table processes add column decision_id text",
    """update processes set decision_id = json_extract(input, '$.intent')
        where json_valid(input)""",
    "create unique index processes_by_decision on processes (decision_id)"
    " where decision_id is not null",
    # What has no process was carried out before this schema, or given up.
    """insert into processes (kind, input, status, current_step, attempts, owner, worktree,
        session, started_at, updated_at, finished_at, decision_id)
        select 'task ' || kind, json_object('intent', id, 'action', kind, 'source', source,
            'spec', spec_id, 'path', path, 'refs', task_id, 'tasks', json_array(task_id)),
        case state when 'recorded' then 'interrupted' else 'completed' end, 'settle', 1, '::',
        worktree, session, created_at, created_at, settled_at, id
        from intents where process_id is null or process_id not in (select id from processes)""",
    """create table decision_tasks (
        process_id integer not null references processes(id) on delete cascade,
        position integer not null, spec_id text not null, task_id text not null,
        action text not null check (action in ('start', 'done', 'reopen', 'drop')),
        issue integer, -- as it was known when this was decided
        created_at text not null,
        primary key (process_id, position)
    ) strict""",
    """insert into decision_tasks
        select p.id, row_number() over (partition by p.id order by i.rowid) - 1,
        i.spec_id, i.task_id, i.kind,
        (select value from json_each(p.input, '$.issues') where key = i.task_id), i.created_at
        from intents i join processes p
        on p.id = i.process_id or (p.decision_id = i.id and
            (i.process_id is null or i.process_id not in (select id from processes)))""",
    "create index decisions_of_task on decision_tasks (spec_id, task_id)",
    """create table writes (
        id integer primary key autoincrement,
        process_id integer references processes(id), -- of the decision that it tells of
        spec_id text not null, task_id text, -- null: the parent's
        issue integer, -- null: it is to be created
        action text not null check (action in ('start', 'close', 'reopen', 'drop', 'create',
            'list', 'phase', 'retitle', 'block', 'duplicate', 'comment')),
        payload text not null default '{}',
        state text not null check (state in ('queued', 'sent', 'unknown', 'delivered', 'dead')),
        attempts integer not null default 0,
        high_water integer, -- of a creation: the highest issue number before it was sent
        not_before real not null default 0, -- seconds since 1970
        error text, created_at text not null, updated_at text not null
    ) strict""",
    """insert into writes select o.id,
        (select d.process_id from intents i join decision_tasks d
            on d.spec_id = i.spec_id and d.task_id = i.task_id and d.created_at = i.created_at
            where i.id = o.intent_id limit 1),
        o.spec_id, o.task_id, o.issue, o.action,
        replace(o.payload, '"claimed":', '"ownership_check":'),
        o.state, o.attempts, o.high_water, o.not_before, o.error, o.created_at, o.updated_at
        from outbox o""",
    "drop table outbox",
    "alter table writes rename to outbox",
    "create index outbox_open on outbox (state) where state <> 'delivered'",
    "drop table intents",
    # What was decided here, and what spec and GitHub last agreed on.
    "alter table tasks rename column base_done to local_done",
    "alter table tasks rename column agreed to synced_done",
    "drop table parsed_yaml",
)


@migrations(name="004_decisions")
def decisions(db: Database) -> None:
    for statement in DECISION_TABLES:
        db.execute(statement)


# State in git's own directory: worktrees have names, spool files are taken in once, and what was
# queued elsewhere is held until a person says that it may be sent.
PRIVATE_TABLES = (
    """create table worktrees (
        id text primary key, -- name and stamp of its git directory
        path text not null, seen_at text not null
    ) strict""",
    "create table spool_taken (id text primary key, at text not null) strict",
    """create table writes (
        id integer primary key autoincrement,
        process_id integer references processes(id), -- of the decision that it tells of
        spec_id text not null, task_id text, -- null: the parent's
        issue integer, -- null: it is to be created
        action text not null check (action in ('start', 'close', 'reopen', 'drop', 'create',
            'list', 'phase', 'retitle', 'block', 'duplicate', 'comment')),
        payload text not null default '{}',
        state text not null check (state in ('held', 'queued', 'sent', 'unknown', 'delivered',
            'dead')),
        attempts integer not null default 0,
        high_water integer, -- of a creation: the highest issue number before it was sent
        not_before real not null default 0, -- seconds since 1970
        error text, created_at text not null, updated_at text not null
    ) strict""",
    """insert into writes select id, process_id, spec_id, task_id, issue, action, payload, state,
        attempts, high_water, not_before, error, created_at, updated_at from outbox""",
    "drop table outbox",
    "alter table writes rename to outbox",
    "create index outbox_open on outbox (state) where state <> 'delivered'",
)


@migrations(name="005_private")
def private_state(db: Database) -> None:
    for statement in PRIVATE_TABLES:
        db.execute(statement)


# Which task each line was when a worktree saw it last.
IDENTITY_TABLES = (
    """create table lines (
        worktree text not null, path text not null, place integer not null,
        read_as text not null, -- what the line is known by on its own
        task_id text not null, -- '': nobody can say
        doubt text not null, -- why
        key text, title text not null,
        primary key (worktree, path, place)
    ) strict""",
    "create index lines_given on lines (worktree, path) where task_id <> read_as or doubt <> ''",
)


@migrations(name="006_identity")
def identity(db: Database) -> None:
    for statement in IDENTITY_TABLES:
        db.execute(statement)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date in one immediate transaction.

    Migrations.apply alone races (several first runs at once fail), hence the lock first.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        database = Database(connection, execute_plugins=False)
        migrations.apply(database)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
