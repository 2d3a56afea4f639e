pragma user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'craftkit','001_local_loop','2026-11-26 16:04:43.918594+00:00');
CREATE TABLE claims (
        spec_id text not null, task_id text not null, session text not null, agent text not null,
        worktree text not null, branch text, head text, actor text not null,
        started_at text not null,
        primary key (spec_id, task_id)
    ) strict;
CREATE TABLE history (
        seq integer primary key autoincrement, at text not null, event text not null,
        spec_id text, task_id text, session text not null, agent text not null,
        actor text not null, branch text, head text, data text not null
    ) strict;
INSERT INTO "history" VALUES(1,'2026-11-26T16:04:43.921Z','spec.created','password-reset',NULL,'one','person','ada','main',NULL,'{"path": "specs/password-reset.md"}');
INSERT INTO "history" VALUES(2,'2026-11-26T16:04:44.034Z','task.started','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(3,'2026-11-26T16:04:44.136Z','task.done','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(4,'2026-11-26T16:04:44.234Z','task.started','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(5,'2026-11-26T16:04:44.325Z','task.done','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
CREATE TABLE intents (
        id text primary key,
        kind text not null check (kind in ('start', 'done', 'reopen', 'drop')),
        spec_id text not null, task_id text not null, source text not null,
        payload text not null, worktree text not null, path text not null, session text not null,
        state text not null check (state in ('recorded', 'applied', 'abandoned')),
        process_id integer, created_at text not null, settled_at text
    ) strict;
INSERT INTO "intents" VALUES('570ccc819554cad0','start','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',1,'2026-11-26T16:04:44.034Z','2026-11-26T16:04:44.038Z');
INSERT INTO "intents" VALUES('be7efdb41e044a37','done','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',2,'2026-11-26T16:04:44.136Z','2026-11-26T16:04:44.143Z');
INSERT INTO "intents" VALUES('b54112b46aabcd39','start','password-reset','T002','command','{}','/repo','specs/password-reset.md','one','applied',3,'2026-11-26T16:04:44.234Z','2026-11-26T16:04:44.237Z');
INSERT INTO "intents" VALUES('b1458306a93f97d0','done','password-reset','T002','command','{}','/repo','specs/password-reset.md','one','recorded',4,'2026-11-26T16:04:44.325Z',NULL);
CREATE TABLE outbox (
        id integer primary key autoincrement, intent_id text not null references intents(id),
        spec_id text not null, task_id text not null, issue integer not null,
        action text not null check (action in ('start', 'close', 'reopen', 'drop')),
        state text not null check (state in ('queued', 'sent', 'unknown', 'delivered', 'dead')),
        attempts integer not null default 0, error text,
        created_at text not null, updated_at text not null
    ) strict;
CREATE TABLE parsed_yaml (digest text primary key, json text not null) strict;
CREATE TABLE process_steps (
        process_id integer not null references processes(id) on delete cascade,
        position integer not null, name text not null,
        status text not null
            check (status in ('pending', 'running', 'success', 'error', 'skipped')),
        started_at text, completed_at text, result text, error text,
        retry_count integer not null default 0,
        primary key (process_id, position)
    ) strict;
INSERT INTO "process_steps" VALUES(1,1,'mark_box','success','2026-11-26T16:04:44.033Z','2026-11-26T16:04:44.036Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(1,2,'settle','success','2026-11-26T16:04:44.036Z','2026-11-26T16:04:44.038Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(2,1,'tick_box','success','2026-11-26T16:04:44.135Z','2026-11-26T16:04:44.141Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(2,2,'settle','success','2026-11-26T16:04:44.141Z','2026-11-26T16:04:44.143Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(3,1,'mark_box','success','2026-11-26T16:04:44.233Z','2026-11-26T16:04:44.236Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(3,2,'settle','success','2026-11-26T16:04:44.236Z','2026-11-26T16:04:44.237Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(4,1,'tick_box','running','2026-11-26T16:04:44.325Z',NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(4,2,'settle','pending',NULL,NULL,NULL,NULL,0);
CREATE TABLE processes (
        id integer primary key autoincrement, kind text not null, input text not null,
        status text not null check (status in ('running', 'completed', 'error', 'interrupted')),
        current_step text, interrupt_reason text, attempts integer not null,
        owner text not null, worktree text not null, session text not null,
        started_at text not null, updated_at text not null, finished_at text
    ) strict;
INSERT INTO "processes" VALUES(1,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "start", "intent": "570ccc819554cad0", "source": "command", "set_aside": []}','completed','settle',NULL,1,'HOST:20600:196335','/repo','one','2026-11-26T16:04:44.033Z','2026-11-26T16:04:44.038Z','2026-11-26T16:04:44.038Z');
INSERT INTO "processes" VALUES(2,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "done", "intent": "be7efdb41e044a37", "source": "command", "held_by": null}','completed','settle',NULL,1,'HOST:20601:196347','/repo','one','2026-11-26T16:04:44.135Z','2026-11-26T16:04:44.143Z','2026-11-26T16:04:44.143Z');
INSERT INTO "processes" VALUES(3,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T002"], "refs": "T002", "action": "start", "intent": "b54112b46aabcd39", "source": "command", "set_aside": []}','completed','settle',NULL,1,'HOST:20602:196358','/repo','one','2026-11-26T16:04:44.233Z','2026-11-26T16:04:44.237Z','2026-11-26T16:04:44.237Z');
INSERT INTO "processes" VALUES(4,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T002"], "refs": "T002", "action": "done", "intent": "b1458306a93f97d0", "source": "command", "held_by": null}','running','tick_box',NULL,1,'HOST:20603:196367','/repo','one','2026-11-26T16:04:44.325Z','2026-11-26T16:04:44.325Z',NULL);
CREATE TABLE sessions (
        id text not null, worktree text not null, agent text not null, actor text not null,
        started_at text not null, seen_at text not null, ended_at text, end_reason text,
        primary key (id, worktree)
    ) strict;
INSERT INTO "sessions" VALUES('one','/repo','person','ada','2026-11-26T16:04:43.921Z','2026-11-26T16:04:44.325Z',NULL,NULL);
CREATE TABLE specs (
        id text primary key, path text not null, dialect text not null, name text not null,
        phase text, issue integer, branch text, created_at text not null, updated_at text not null
    ) strict;
INSERT INTO "specs" VALUES('password-reset','specs/password-reset.md','craftkit','Password reset','requirements',NULL,'main','2026-11-26T16:04:43.920Z','2026-11-26T16:04:44.144Z');
CREATE TABLE tasks (
        spec_id text not null references specs(id) on delete cascade,
        task_id text not null, key text, title text not null, issue integer,
        base_done integer check (base_done in (0, 1)),
        dropped integer not null default 0 check (dropped in (0, 1)),
        updated_at text not null,
        primary key (spec_id, task_id)
    ) strict;
INSERT INTO "tasks" VALUES('password-reset','T001','T001','Design the API',NULL,1,0,'2026-11-26T16:04:44.143Z');
INSERT INTO "tasks" VALUES('password-reset','T002','T002','Write the code',NULL,0,0,'2026-11-26T16:04:43.920Z');
INSERT INTO "tasks" VALUES('password-reset','T003','T003','Test it',NULL,0,0,'2026-11-26T16:04:43.920Z');
INSERT INTO "tasks" VALUES('password-reset','T004','T004','Ship it',NULL,0,0,'2026-11-26T16:04:43.920Z');
INSERT INTO "tasks" VALUES('password-reset','T005','T005','Tell people',NULL,0,0,'2026-11-26T16:04:43.920Z');
CREATE TABLE views (
        worktree text not null, path text not null, spec_id text not null, digest text not null,
        done integer not null, total integer not null, seen_at text not null,
        primary key (worktree, path)
    ) strict;
INSERT INTO "views" VALUES('/repo','specs/password-reset.md','password-reset','1a3289954dc17486cb7aafe7800c59bab901176b4d3dac3a0414954c2d393fc7',1,5,'2026-11-26T16:04:44.144Z');
CREATE TABLE workflow_state (
        worktree text not null, session text not null, spec_id text not null,
        task_id text, task_key text, task_number integer, task_title text,
        next_action text not null check (next_action in ('start', 'done', 'none')),
        agent text not null, branch text, head text, note text,
        version integer not null, saved_at text not null,
        primary key (worktree, session)
    ) strict;
INSERT INTO "workflow_state" VALUES('/repo','one','password-reset',NULL,NULL,NULL,NULL,'start','person','main',NULL,NULL,5,'2026-11-26T16:04:44.326Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX intents_open on intents (state) where state = 'recorded';
CREATE INDEX processes_open on processes (status) where status <> 'completed';
CREATE TRIGGER history_no_update before update on history
        begin select raise(abort, 'history is append-only'); end;
CREATE TRIGGER history_no_delete before delete on history
        begin select raise(abort, 'history is append-only'); end;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('history',5);
INSERT INTO "sqlite_sequence" VALUES('processes',4);
COMMIT;
