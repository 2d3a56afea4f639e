pragma user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'craftkit','001_local_loop','2026-11-26 16:05:03.716347+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'craftkit','002_github','2026-11-26 16:05:03.718140+00:00');
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
INSERT INTO "history" VALUES(1,'2026-11-26T16:05:03.720Z','spec.created','password-reset',NULL,'one','person','ada','main',NULL,'{"path": "specs/password-reset.md"}');
INSERT INTO "history" VALUES(2,'2026-11-26T16:05:03.804Z','task.started','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(3,'2026-11-26T16:05:03.928Z','task.done','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(4,'2026-11-26T16:05:04.059Z','task.started','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(5,'2026-11-26T16:05:04.584Z','spec.linked','password-reset',NULL,'one','person','ada','main',NULL,'{"parents": 1, "children": 5}');
INSERT INTO "history" VALUES(6,'2026-11-26T16:05:04.630Z','merge.close','password-reset','T001','one','person','ada','main',NULL,'{"issue": 2, "why": "base open, box ticked, #2 open"}');
INSERT INTO "history" VALUES(7,'2026-11-26T16:05:04.727Z','task.dropped','password-reset','T004','one','person','ada','main',NULL,'{"source": "command", "reason": "later", "held_by": null}');
INSERT INTO "history" VALUES(8,'2026-11-26T16:05:04.975Z','task.done','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(9,'2026-11-26T16:05:05.220Z','task.reopened','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(10,'2026-11-26T16:05:05.354Z','task.done','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
CREATE TABLE intents (
        id text primary key,
        kind text not null check (kind in ('start', 'done', 'reopen', 'drop')),
        spec_id text not null, task_id text not null, source text not null,
        payload text not null, worktree text not null, path text not null, session text not null,
        state text not null check (state in ('recorded', 'applied', 'abandoned')),
        process_id integer, created_at text not null, settled_at text
    ) strict;
INSERT INTO "intents" VALUES('32887cc2dfea25ca','start','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',1,'2026-11-26T16:05:03.804Z','2026-11-26T16:05:03.807Z');
INSERT INTO "intents" VALUES('7655bfcf3fe320f0','done','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',2,'2026-11-26T16:05:03.928Z','2026-11-26T16:05:03.936Z');
INSERT INTO "intents" VALUES('63953a8174b69e29','start','password-reset','T002','command','{}','/repo','specs/password-reset.md','one','applied',3,'2026-11-26T16:05:04.059Z','2026-11-26T16:05:04.064Z');
INSERT INTO "intents" VALUES('6404dd10f87fbab7','drop','password-reset','T004','command','{}','/repo','specs/password-reset.md','one','applied',5,'2026-11-26T16:05:04.727Z','2026-11-26T16:05:04.729Z');
INSERT INTO "intents" VALUES('5fd6a08906fd6f2e','done','password-reset','T005','command','{}','/repo','specs/password-reset.md','one','applied',6,'2026-11-26T16:05:04.975Z','2026-11-26T16:05:04.982Z');
INSERT INTO "intents" VALUES('f28caeca3d889ae8','reopen','password-reset','T005','command','{}','/repo','specs/password-reset.md','one','applied',7,'2026-11-26T16:05:05.220Z','2026-11-26T16:05:05.227Z');
INSERT INTO "intents" VALUES('06eabc616ea1dee8','done','password-reset','T002','command','{}','/repo','specs/password-reset.md','one','recorded',8,'2026-11-26T16:05:05.354Z',NULL);
CREATE TABLE issues (
        repo text not null, number integer not null,
        spec_id text not null, task_id text, part text not null default '',
        id integer not null, node_id text not null,
        title text not null, -- as the spec last gave it
        primary key (repo, number)
    ) strict;
INSERT INTO "issues" VALUES('octo-dev/demo',1,'password-reset',NULL,'',5000000005,'I_sb12a05f205','Password reset');
INSERT INTO "issues" VALUES('octo-dev/demo',2,'password-reset','T001','',5000000007,'I_sb12a05f207','T001 Design the API');
INSERT INTO "issues" VALUES('octo-dev/demo',3,'password-reset','T002','',5000000010,'I_sb12a05f20a','T002 Write the code');
INSERT INTO "issues" VALUES('octo-dev/demo',4,'password-reset','T003','',5000000013,'I_sb12a05f20d','T003 Test it');
INSERT INTO "issues" VALUES('octo-dev/demo',5,'password-reset','T004','',5000000016,'I_sb12a05f210','T004 Ship it');
INSERT INTO "issues" VALUES('octo-dev/demo',6,'password-reset','T005','',5000000019,'I_sb12a05f213','T005 Tell people');
CREATE TABLE "outbox" (
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
    ) strict;
INSERT INTO "outbox" VALUES(1,NULL,'password-reset',NULL,1,'create','{"title": "Password reset", "body": "Spec: `specs/password-reset.md`\n\n5 tasks.\n\n<!-- craftkit spec=password-reset -->", "labels": ["phase: requirements"], "part": ""}','delivered',0,0,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.590Z');
INSERT INTO "outbox" VALUES(2,NULL,'password-reset','T001',2,'create','{"title": "T001 Design the API", "body": "Spec: `specs/password-reset.md:24`\n\n<!-- craftkit spec=password-reset task=T001 -->", "part": ""}','delivered',0,1,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.598Z');
INSERT INTO "outbox" VALUES(3,NULL,'password-reset','T002',3,'create','{"title": "T002 Write the code", "body": "Spec: `specs/password-reset.md:25`\n\n<!-- craftkit spec=password-reset task=T002 -->", "part": ""}','delivered',0,2,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.602Z');
INSERT INTO "outbox" VALUES(4,NULL,'password-reset','T003',4,'create','{"title": "T003 Test it", "body": "Spec: `specs/password-reset.md:26`\n\n<!-- craftkit spec=password-reset task=T003 -->", "part": ""}','delivered',0,3,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.605Z');
INSERT INTO "outbox" VALUES(5,NULL,'password-reset','T004',5,'create','{"title": "T004 Ship it", "body": "Spec: `specs/password-reset.md:27`\n\n<!-- craftkit spec=password-reset task=T004 -->", "part": ""}','delivered',0,4,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.608Z');
INSERT INTO "outbox" VALUES(6,NULL,'password-reset','T005',6,'create','{"title": "T005 Tell people", "body": "Spec: `specs/password-reset.md:28`\n\n<!-- craftkit spec=password-reset task=T005 -->", "part": ""}','delivered',0,5,0.0,NULL,'2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.612Z');
INSERT INTO "outbox" VALUES(7,NULL,'password-reset','T001',2,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:04.630Z','2026-11-26T16:05:04.638Z');
INSERT INTO "outbox" VALUES(8,'6404dd10f87fbab7','password-reset','T004',5,'drop','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:04.728Z','2026-11-26T16:05:04.894Z');
INSERT INTO "outbox" VALUES(9,'5fd6a08906fd6f2e','password-reset','T005',6,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:04.975Z','2026-11-26T16:05:05.133Z');
INSERT INTO "outbox" VALUES(10,'f28caeca3d889ae8','password-reset','T005',6,'reopen','{}','queued',0,NULL,0.0,NULL,'2026-11-26T16:05:05.220Z','2026-11-26T16:05:05.220Z');
INSERT INTO "outbox" VALUES(11,'06eabc616ea1dee8','password-reset','T002',3,'close','{}','queued',0,NULL,0.0,NULL,'2026-11-26T16:05:05.355Z','2026-11-26T16:05:05.355Z');
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
INSERT INTO "process_steps" VALUES(1,1,'mark_box','success','2026-11-26T16:05:03.804Z','2026-11-26T16:05:03.806Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(1,2,'settle','success','2026-11-26T16:05:03.806Z','2026-11-26T16:05:03.807Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(2,1,'tick_box','success','2026-11-26T16:05:03.928Z','2026-11-26T16:05:03.933Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(2,2,'settle','success','2026-11-26T16:05:03.933Z','2026-11-26T16:05:03.936Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(3,1,'mark_box','success','2026-11-26T16:05:04.059Z','2026-11-26T16:05:04.061Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(3,2,'settle','success','2026-11-26T16:05:04.061Z','2026-11-26T16:05:04.064Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(4,1,'adopt_links','skipped','2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.585Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,2,'make_issues','success','2026-11-26T16:05:04.585Z','2026-11-26T16:05:04.613Z','{"queued": 0, "dead": 0, "delivered": 6, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(4,3,'write_links','success','2026-11-26T16:05:04.613Z','2026-11-26T16:05:04.618Z','{"written": 5}',NULL,0);
INSERT INTO "process_steps" VALUES(4,4,'block','skipped','2026-11-26T16:05:04.618Z','2026-11-26T16:05:04.619Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,5,'verify','success','2026-11-26T16:05:04.619Z','2026-11-26T16:05:04.639Z','{"verified": true, "drift": {"done_not_closed": 1, "closed_not_ticked": 0, "reopened_not_unticked": 0, "reopened_not_sent": 0, "title": 0, "duplicate": 0, "link_lost": 0, "missing": 0, "orphan": 0, "attention": 0, "queued": 0, "dead": 0}}',NULL,0);
INSERT INTO "process_steps" VALUES(5,1,'settle','success','2026-11-26T16:05:04.727Z','2026-11-26T16:05:04.729Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(5,2,'drop_issue','success','2026-11-26T16:05:04.729Z','2026-11-26T16:05:04.895Z','{"queued": 0, "dead": 0, "delivered": 1, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(6,1,'tick_box','success','2026-11-26T16:05:04.974Z','2026-11-26T16:05:04.979Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(6,2,'settle','success','2026-11-26T16:05:04.979Z','2026-11-26T16:05:04.982Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(6,3,'close_issue','success','2026-11-26T16:05:04.982Z','2026-11-26T16:05:05.134Z','{"queued": 0, "dead": 0, "delivered": 1, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(7,1,'untick_box','success','2026-11-26T16:05:05.220Z','2026-11-26T16:05:05.225Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(7,2,'settle','success','2026-11-26T16:05:05.225Z','2026-11-26T16:05:05.227Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(7,3,'reopen_issue','success','2026-11-26T16:05:05.227Z','2026-11-26T16:05:05.232Z','{"queued": 1, "dead": 0, "delivered": 0, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(8,1,'tick_box','running','2026-11-26T16:05:05.354Z',NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(8,2,'settle','pending',NULL,NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(8,3,'close_issue','pending',NULL,NULL,NULL,NULL,0);
CREATE TABLE processes (
        id integer primary key autoincrement, kind text not null, input text not null,
        status text not null check (status in ('running', 'completed', 'error', 'interrupted')),
        current_step text, interrupt_reason text, attempts integer not null,
        owner text not null, worktree text not null, session text not null,
        started_at text not null, updated_at text not null, finished_at text
    ) strict;
INSERT INTO "processes" VALUES(1,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "start", "intent": "32887cc2dfea25ca", "source": "command", "set_aside": [], "issues": {}, "sends": false}','completed','settle',NULL,1,'HOST:20721:198315','/repo','one','2026-11-26T16:05:03.804Z','2026-11-26T16:05:03.807Z','2026-11-26T16:05:03.807Z');
INSERT INTO "processes" VALUES(2,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "done", "intent": "7655bfcf3fe320f0", "source": "command", "held_by": null, "issues": {}, "sends": false}','completed','settle',NULL,1,'HOST:20722:198324','/repo','one','2026-11-26T16:05:03.928Z','2026-11-26T16:05:03.936Z','2026-11-26T16:05:03.936Z');
INSERT INTO "processes" VALUES(3,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T002"], "refs": "T002", "action": "start", "intent": "63953a8174b69e29", "source": "command", "set_aside": [], "issues": {}, "sends": false}','completed','settle',NULL,1,'HOST:20723:198337','/repo','one','2026-11-26T16:05:04.059Z','2026-11-26T16:05:04.064Z','2026-11-26T16:05:04.064Z');
INSERT INTO "processes" VALUES(4,'spec link','{"spec": "password-reset", "path": "specs/password-reset.md", "adopted": {}, "blocks": []}','completed','verify',NULL,1,'HOST:20726:198370','/repo','one','2026-11-26T16:05:04.584Z','2026-11-26T16:05:04.639Z','2026-11-26T16:05:04.639Z');
INSERT INTO "processes" VALUES(5,'task drop','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T004"], "refs": "T004", "action": "drop", "intent": "6404dd10f87fbab7", "source": "command", "reason": "later", "held_by": null, "issues": {"T004": 5}, "sends": true}','completed','drop_issue',NULL,1,'HOST:20740:198407','/repo','one','2026-11-26T16:05:04.727Z','2026-11-26T16:05:04.895Z','2026-11-26T16:05:04.895Z');
INSERT INTO "processes" VALUES(6,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T005"], "refs": "T005", "action": "done", "intent": "5fd6a08906fd6f2e", "source": "command", "held_by": null, "issues": {"T005": 6}, "sends": true}','completed','close_issue',NULL,1,'HOST:20744:198433','/repo','one','2026-11-26T16:05:04.974Z','2026-11-26T16:05:05.134Z','2026-11-26T16:05:05.134Z');
INSERT INTO "processes" VALUES(7,'task reopen','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T005"], "refs": "T005", "action": "reopen", "intent": "f28caeca3d889ae8", "source": "command", "held_by": null, "issues": {"T005": 6}, "sends": true}','completed','reopen_issue',NULL,1,'HOST:20748:198457','/repo','one','2026-11-26T16:05:05.220Z','2026-11-26T16:05:05.232Z','2026-11-26T16:05:05.232Z');
INSERT INTO "processes" VALUES(8,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T002"], "refs": "T002", "action": "done", "intent": "06eabc616ea1dee8", "source": "command", "held_by": null, "issues": {"T002": 3}, "sends": true}','running','tick_box',NULL,1,'HOST:20749:198466','/repo','one','2026-11-26T16:05:05.354Z','2026-11-26T16:05:05.354Z',NULL);
CREATE TABLE remembered (
        place text not null, name text not null, value text not null, at text not null,
        primary key (place, name)
    ) strict;
INSERT INTO "remembered" VALUES('http://127.0.0.1:38755 octo-dev/demo','http://127.0.0.1:38755 octo-dev/demo abilities','known duplicate create-below block','2026-11-26T16:05:04.380Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:38755 octo-dev/demo','http://127.0.0.1:38755 octo-dev/demo name','octo-dev/demo','2026-11-26T16:05:04.380Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:38755 octo-dev/demo','http://127.0.0.1:38755 octo-dev/demo id','R_sb35a4e901','2026-11-26T16:05:04.380Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:38755 octo-dev/demo','http://127.0.0.1:38755 octo-dev/demo login','octo-dev','2026-11-26T16:05:04.380Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','highest','6','2026-11-26T16:05:04.612Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:38755 octo-dev/demo','capabilities','[true, true, true]','2026-11-26T16:05:04.583Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','synced','2026-11-26T16:05:04.639Z','2026-11-26T16:05:04.639Z');
CREATE TABLE sessions (
        id text not null, worktree text not null, agent text not null, actor text not null,
        started_at text not null, seen_at text not null, ended_at text, end_reason text,
        primary key (id, worktree)
    ) strict;
INSERT INTO "sessions" VALUES('one','/repo','person','ada','2026-11-26T16:05:03.720Z','2026-11-26T16:05:05.355Z',NULL,NULL);
CREATE TABLE specs (
        id text primary key, path text not null, dialect text not null, name text not null,
        phase text, issue integer, branch text, created_at text not null, updated_at text not null
    ) strict;
INSERT INTO "specs" VALUES('password-reset','specs/password-reset.md','craftkit','Password reset','requirements',1,'main','2026-11-26T16:05:03.719Z','2026-11-26T16:05:05.233Z');
CREATE TABLE tasks (
        spec_id text not null references specs(id) on delete cascade,
        task_id text not null, key text, title text not null, issue integer,
        base_done integer check (base_done in (0, 1)),
        dropped integer not null default 0 check (dropped in (0, 1)),
        updated_at text not null, agreed integer check (agreed in (0, 1)),
        primary key (spec_id, task_id)
    ) strict;
INSERT INTO "tasks" VALUES('password-reset','T001','T001','Design the API',2,1,0,'2026-11-26T16:05:03.936Z',1);
INSERT INTO "tasks" VALUES('password-reset','T002','T002','Write the code',3,0,0,'2026-11-26T16:05:03.719Z',0);
INSERT INTO "tasks" VALUES('password-reset','T003','T003','Test it',4,0,0,'2026-11-26T16:05:03.719Z',0);
INSERT INTO "tasks" VALUES('password-reset','T004','T004','Ship it',5,0,1,'2026-11-26T16:05:04.729Z',0);
INSERT INTO "tasks" VALUES('password-reset','T005','T005','Tell people',6,0,0,'2026-11-26T16:05:05.227Z',1);
CREATE TABLE views (
        worktree text not null, path text not null, spec_id text not null, digest text not null,
        done integer not null, total integer not null, seen_at text not null,
        primary key (worktree, path)
    ) strict;
INSERT INTO "views" VALUES('/repo','specs/password-reset.md','password-reset','79c62c50e575692f0b6e558346dceb038676af9fa0099d8f82bd8bd09ce34e56',1,5,'2026-11-26T16:05:05.233Z');
CREATE TABLE workflow_state (
        worktree text not null, session text not null, spec_id text not null,
        task_id text, task_key text, task_number integer, task_title text,
        next_action text not null check (next_action in ('start', 'done', 'none')),
        agent text not null, branch text, head text, note text,
        version integer not null, saved_at text not null,
        primary key (worktree, session)
    ) strict;
INSERT INTO "workflow_state" VALUES('/repo','one','password-reset',NULL,NULL,NULL,NULL,'start','person','main',NULL,NULL,5,'2026-11-26T16:05:05.355Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX intents_open on intents (state) where state = 'recorded';
CREATE INDEX processes_open on processes (status) where status <> 'completed';
CREATE TRIGGER history_no_update before update on history
        begin select raise(abort, 'history is append-only'); end;
CREATE TRIGGER history_no_delete before delete on history
        begin select raise(abort, 'history is append-only'); end;
CREATE INDEX issues_of_spec on issues (spec_id, task_id);
CREATE INDEX outbox_open on outbox (state) where state <> 'delivered';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',11);
INSERT INTO "sqlite_sequence" VALUES('history',10);
INSERT INTO "sqlite_sequence" VALUES('processes',8);
COMMIT;
