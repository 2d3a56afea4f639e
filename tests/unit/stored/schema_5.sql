BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'craftkit','001_local_loop','2026-11-27 05:41:25.127357+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'craftkit','002_github','2026-11-27 05:41:25.128719+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'craftkit','003_agents','2026-11-27 05:41:25.128872+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'craftkit','004_decisions','2026-11-27 05:41:25.132528+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'craftkit','005_private','2026-11-27 15:29:46.192757+00:00');
CREATE TABLE claims (
        spec_id text not null, task_id text not null, session text not null, agent text not null,
        worktree text not null, branch text, head text, actor text not null,
        started_at text not null,
        primary key (spec_id, task_id)
    ) strict;
CREATE TABLE decision_tasks (
        process_id integer not null references processes(id) on delete cascade,
        position integer not null, spec_id text not null, task_id text not null,
        action text not null check (action in ('start', 'done', 'reopen', 'drop')),
        issue integer, -- as it was known when this was decided
        created_at text not null,
        primary key (process_id, position)
    ) strict;
INSERT INTO "decision_tasks" VALUES(1,0,'password-reset','T001','start',NULL,'2026-11-27T05:41:25.198Z');
INSERT INTO "decision_tasks" VALUES(2,0,'password-reset','T001','done',NULL,'2026-11-27T05:41:25.260Z');
INSERT INTO "decision_tasks" VALUES(3,0,'password-reset','T002','start',NULL,'2026-11-27T05:41:25.325Z');
INSERT INTO "decision_tasks" VALUES(5,0,'password-reset','T004','drop',5,'2026-11-27T05:41:25.652Z');
INSERT INTO "decision_tasks" VALUES(6,0,'password-reset','T005','done',6,'2026-11-27T05:41:25.848Z');
INSERT INTO "decision_tasks" VALUES(7,0,'password-reset','T005','reopen',6,'2026-11-27T05:41:26.166Z');
INSERT INTO "decision_tasks" VALUES(8,0,'password-reset','T002','done',3,'2026-11-27T05:41:26.254Z');
CREATE TABLE history (
        seq integer primary key autoincrement, at text not null, event text not null,
        spec_id text, task_id text, session text not null, agent text not null,
        actor text not null, branch text, head text, data text not null
    ) strict;
INSERT INTO "history" VALUES(1,'2026-11-27T05:41:25.135Z','spec.created','password-reset',NULL,'one','person','ada','main',NULL,'{"path": "specs/password-reset.md"}');
INSERT INTO "history" VALUES(2,'2026-11-27T05:41:25.198Z','task.started','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(3,'2026-11-27T05:41:25.260Z','task.done','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(4,'2026-11-27T05:41:25.325Z','task.started','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(5,'2026-11-27T05:41:25.538Z','spec.linked','password-reset',NULL,'one','person','ada','main',NULL,'{"parents": 1, "children": 5}');
INSERT INTO "history" VALUES(6,'2026-11-27T05:41:25.652Z','task.dropped','password-reset','T004','one','person','ada','main',NULL,'{"source": "command", "reason": "later", "held_by": null}');
INSERT INTO "history" VALUES(7,'2026-11-27T05:41:25.848Z','task.done','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(8,'2026-11-27T05:41:26.166Z','task.reopened','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(9,'2026-11-27T05:41:26.254Z','task.done','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
CREATE TABLE hooks (
        session text not null, worktree text not null, name text not null,
        value text not null default '', at text not null,
        primary key (session, worktree, name)
    ) strict;
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
    ) strict;
INSERT INTO "outbox" VALUES(1,NULL,'password-reset',NULL,1,'create','{"title": "Password reset", "body": "Spec: `specs/password-reset.md`\n\n5 tasks.\n\n<!-- craftkit spec=password-reset -->", "labels": ["phase: requirements"], "part": ""}','delivered',0,0,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.544Z');
INSERT INTO "outbox" VALUES(2,NULL,'password-reset','T001',2,'create','{"title": "T001 Design the API", "body": "Spec: `specs/password-reset.md:24`\n\n<!-- craftkit spec=password-reset task=T001 -->", "part": ""}','delivered',0,1,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.553Z');
INSERT INTO "outbox" VALUES(3,NULL,'password-reset','T001',NULL,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.574Z');
INSERT INTO "outbox" VALUES(4,NULL,'password-reset','T002',3,'create','{"title": "T002 Write the code", "body": "Spec: `specs/password-reset.md:25`\n\n<!-- craftkit spec=password-reset task=T002 -->", "part": ""}','delivered',0,2,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.556Z');
INSERT INTO "outbox" VALUES(5,NULL,'password-reset','T002',NULL,'start','{}','delivered',0,NULL,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.574Z');
INSERT INTO "outbox" VALUES(6,NULL,'password-reset','T003',4,'create','{"title": "T003 Test it", "body": "Spec: `specs/password-reset.md:26`\n\n<!-- craftkit spec=password-reset task=T003 -->", "part": ""}','delivered',0,3,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.559Z');
INSERT INTO "outbox" VALUES(7,NULL,'password-reset','T004',5,'create','{"title": "T004 Ship it", "body": "Spec: `specs/password-reset.md:27`\n\n<!-- craftkit spec=password-reset task=T004 -->", "part": ""}','delivered',0,4,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.562Z');
INSERT INTO "outbox" VALUES(8,NULL,'password-reset','T005',6,'create','{"title": "T005 Tell people", "body": "Spec: `specs/password-reset.md:28`\n\n<!-- craftkit spec=password-reset task=T005 -->", "part": ""}','delivered',0,5,0.0,NULL,'2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.565Z');
INSERT INTO "outbox" VALUES(9,NULL,'password-reset',NULL,1,'list','{}','delivered',0,NULL,0.0,NULL,'2026-11-27T05:41:25.565Z','2026-11-27T05:41:25.588Z');
INSERT INTO "outbox" VALUES(10,5,'password-reset','T004',5,'drop','{}','delivered',0,NULL,0.0,NULL,'2026-11-27T05:41:25.652Z','2026-11-27T05:41:25.782Z');
INSERT INTO "outbox" VALUES(11,6,'password-reset','T005',6,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-27T05:41:25.848Z','2026-11-27T05:41:25.979Z');
INSERT INTO "outbox" VALUES(12,7,'password-reset','T005',6,'reopen','{}','queued',0,NULL,0.0,NULL,'2026-11-27T05:41:26.166Z','2026-11-27T05:41:26.166Z');
INSERT INTO "outbox" VALUES(13,8,'password-reset','T002',3,'close','{}','queued',0,NULL,0.0,NULL,'2026-11-27T05:41:26.254Z','2026-11-27T05:41:26.254Z');
CREATE TABLE process_steps (
        process_id integer not null references processes(id) on delete cascade,
        position integer not null, name text not null,
        status text not null
            check (status in ('pending', 'running', 'success', 'error', 'skipped')),
        started_at text, completed_at text, result text, error text,
        retry_count integer not null default 0,
        primary key (process_id, position)
    ) strict;
INSERT INTO "process_steps" VALUES(1,1,'mark_box','success','2026-11-27T05:41:25.198Z','2026-11-27T05:41:25.199Z','{"changed": 0}',NULL,0);
INSERT INTO "process_steps" VALUES(1,2,'settle','success','2026-11-27T05:41:25.199Z','2026-11-27T05:41:25.199Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(2,1,'tick_box','success','2026-11-27T05:41:25.260Z','2026-11-27T05:41:25.263Z','{"changed": 1}',NULL,0);
INSERT INTO "process_steps" VALUES(2,2,'settle','success','2026-11-27T05:41:25.263Z','2026-11-27T05:41:25.263Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(3,1,'mark_box','success','2026-11-27T05:41:25.324Z','2026-11-27T05:41:25.327Z','{"changed": 0}',NULL,0);
INSERT INTO "process_steps" VALUES(3,2,'settle','success','2026-11-27T05:41:25.327Z','2026-11-27T05:41:25.327Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(4,1,'adopt_links','skipped','2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.539Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,2,'make_issues','success','2026-11-27T05:41:25.539Z','2026-11-27T05:41:25.575Z','{"queued": 0, "dead": 0, "delivered": 8, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(4,3,'write_links','success','2026-11-27T05:41:25.575Z','2026-11-27T05:41:25.579Z','{"written": 5}',NULL,0);
INSERT INTO "process_steps" VALUES(4,4,'block','skipped','2026-11-27T05:41:25.579Z','2026-11-27T05:41:25.580Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,5,'verify','success','2026-11-27T05:41:25.580Z','2026-11-27T05:41:25.589Z','{"verified": true, "drift": {"done_not_closed": 0, "closed_not_ticked": 0, "reopened_not_unticked": 0, "reopened_not_sent": 0, "title": 0, "duplicate": 0, "link_lost": 0, "missing": 0, "orphan": 0, "attention": 0, "queued": 0, "dead": 0}}',NULL,0);
INSERT INTO "process_steps" VALUES(5,1,'settle','success','2026-11-27T05:41:25.652Z','2026-11-27T05:41:25.653Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(6,1,'tick_box','success','2026-11-27T05:41:25.848Z','2026-11-27T05:41:25.852Z','{"changed": 1}',NULL,0);
INSERT INTO "process_steps" VALUES(6,2,'settle','success','2026-11-27T05:41:25.852Z','2026-11-27T05:41:25.852Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(7,1,'untick_box','success','2026-11-27T05:41:26.166Z','2026-11-27T05:41:26.173Z','{"changed": 1}',NULL,0);
INSERT INTO "process_steps" VALUES(7,2,'settle','success','2026-11-27T05:41:26.173Z','2026-11-27T05:41:26.173Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(8,1,'tick_box','running','2026-11-27T05:41:26.254Z',NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(8,2,'settle','pending',NULL,NULL,NULL,NULL,0);
CREATE TABLE processes (
        id integer primary key autoincrement, kind text not null, input text not null,
        status text not null check (status in ('running', 'completed', 'error', 'interrupted')),
        current_step text, interrupt_reason text, attempts integer not null,
        owner text not null, worktree text not null, session text not null,
        started_at text not null, updated_at text not null, finished_at text
    , decision_id text) strict;
INSERT INTO "processes" VALUES(1,'task start','{"id": "5905bd0b8af1716b", "action": "start", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T001", "tasks": [{"id": "T001", "issue": null}], "set_aside": [], "reason": "", "held_by": null}','completed','settle',NULL,1,'HOST:2217:100593','/repo','one','2026-11-27T05:41:25.198Z','2026-11-27T05:41:25.199Z','2026-11-27T05:41:25.199Z','5905bd0b8af1716b');
INSERT INTO "processes" VALUES(2,'task done','{"id": "3dc05fec85ff4848", "action": "done", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T001", "tasks": [{"id": "T001", "issue": null}], "set_aside": [], "reason": "", "held_by": null}','completed','settle',NULL,1,'HOST:2218:100600','/repo','one','2026-11-27T05:41:25.260Z','2026-11-27T05:41:25.263Z','2026-11-27T05:41:25.263Z','3dc05fec85ff4848');
INSERT INTO "processes" VALUES(3,'task start','{"id": "864da19634264663", "action": "start", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T002", "tasks": [{"id": "T002", "issue": null}], "set_aside": [], "reason": "", "held_by": null}','completed','settle',NULL,1,'HOST:2219:100606','/repo','one','2026-11-27T05:41:25.324Z','2026-11-27T05:41:25.327Z','2026-11-27T05:41:25.327Z','864da19634264663');
INSERT INTO "processes" VALUES(4,'spec link','{"spec": "password-reset", "path": "specs/password-reset.md", "adopted": {}, "blocks": []}','completed','verify',NULL,1,'HOST:2220:100613','/repo','one','2026-11-27T05:41:25.538Z','2026-11-27T05:41:25.589Z','2026-11-27T05:41:25.589Z',NULL);
INSERT INTO "processes" VALUES(5,'task drop','{"id": "ff48bcef11957c07", "action": "drop", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T004", "tasks": [{"id": "T004", "issue": 5}], "set_aside": [], "reason": "later", "held_by": null}','completed','settle',NULL,1,'HOST:2235:100639','/repo','one','2026-11-27T05:41:25.652Z','2026-11-27T05:41:25.653Z','2026-11-27T05:41:25.653Z','ff48bcef11957c07');
INSERT INTO "processes" VALUES(6,'task done','{"id": "51b1f0681e181fbe", "action": "done", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T005", "tasks": [{"id": "T005", "issue": 6}], "set_aside": [], "reason": "", "held_by": null}','completed','settle',NULL,1,'HOST:2238:100658','/repo','one','2026-11-27T05:41:25.848Z','2026-11-27T05:41:25.852Z','2026-11-27T05:41:25.852Z','51b1f0681e181fbe');
INSERT INTO "processes" VALUES(7,'task reopen','{"id": "34dd144a82bf272c", "action": "reopen", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T005", "tasks": [{"id": "T005", "issue": 6}], "set_aside": [], "reason": "", "held_by": null}','completed','settle',NULL,1,'HOST:2243:100688','/repo','one','2026-11-27T05:41:26.166Z','2026-11-27T05:41:26.173Z','2026-11-27T05:41:26.173Z','34dd144a82bf272c');
INSERT INTO "processes" VALUES(8,'task done','{"id": "b38eedbda8167260", "action": "done", "source": "command", "spec": "password-reset", "path": "specs/password-reset.md", "ref": "T002", "tasks": [{"id": "T002", "issue": 3}], "set_aside": [], "reason": "", "held_by": null}','running','tick_box',NULL,1,'HOST:2245:100698','/repo','one','2026-11-27T05:41:26.254Z','2026-11-27T05:41:26.254Z',NULL,'b38eedbda8167260');
CREATE TABLE remembered (
        place text not null, name text not null, value text not null, at text not null,
        primary key (place, name)
    ) strict;
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','http://127.0.0.1:45671 octo-dev/demo abilities','known duplicate create-below block','2026-11-27T05:41:25.400Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','http://127.0.0.1:45671 octo-dev/demo name','octo-dev/demo','2026-11-27T05:41:25.400Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','http://127.0.0.1:45671 octo-dev/demo id','R_sb35a4e901','2026-11-27T05:41:25.400Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','http://127.0.0.1:45671 octo-dev/demo login','octo-dev','2026-11-27T05:41:25.400Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','highest','6','2026-11-27T05:41:25.565Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','capabilities','[true, true, true]','2026-11-27T05:41:25.537Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:45671 octo-dev/demo','http://127.0.0.1:45671 octo-dev/demo label status: in-progress','LA_sb1a13b8617','2026-11-27T05:41:25.540Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','synced','2026-11-27T05:41:25.589Z','2026-11-27T05:41:25.589Z');
CREATE TABLE sessions (
        id text not null, worktree text not null, agent text not null, actor text not null,
        started_at text not null, seen_at text not null, ended_at text, end_reason text,
        primary key (id, worktree)
    ) strict;
INSERT INTO "sessions" VALUES('one','/repo','person','ada','2026-11-27T05:41:25.135Z','2026-11-27T05:41:26.254Z',NULL,NULL);
CREATE TABLE specs (
        id text primary key, path text not null, dialect text not null, name text not null,
        phase text, issue integer, branch text, created_at text not null, updated_at text not null
    ) strict;
INSERT INTO "specs" VALUES('password-reset','specs/password-reset.md','craftkit','Password reset','requirements',1,'main','2026-11-27T05:41:25.135Z','2026-11-27T05:41:25.579Z');
CREATE TABLE spool_taken (id text primary key, at text not null) strict;
CREATE TABLE tasks (
        spec_id text not null references specs(id) on delete cascade,
        task_id text not null, key text, title text not null, issue integer,
        local_done integer check (local_done in (0, 1)),
        dropped integer not null default 0 check (dropped in (0, 1)),
        updated_at text not null, synced_done integer check (synced_done in (0, 1)),
        primary key (spec_id, task_id)
    ) strict;
INSERT INTO "tasks" VALUES('password-reset','T001','T001','Design the API',2,1,0,'2026-11-27T05:41:25.264Z',1);
INSERT INTO "tasks" VALUES('password-reset','T002','T002','Write the code',3,0,0,'2026-11-27T05:41:25.135Z',0);
INSERT INTO "tasks" VALUES('password-reset','T003','T003','Test it',4,0,0,'2026-11-27T05:41:25.135Z',0);
INSERT INTO "tasks" VALUES('password-reset','T004','T004','Ship it',5,0,1,'2026-11-27T05:41:25.653Z',0);
INSERT INTO "tasks" VALUES('password-reset','T005','T005','Tell people',6,0,0,'2026-11-27T05:41:26.173Z',1);
CREATE TABLE views (
        worktree text not null, path text not null, spec_id text not null, digest text not null,
        done integer not null, total integer not null, seen_at text not null,
        primary key (worktree, path)
    ) strict;
INSERT INTO "views" VALUES('/repo','specs/password-reset.md','password-reset','d127408c54ee604390b16502c894a2b22e8680f93c679d56f7bf1439eebdc84c',1,5,'2026-11-27T05:41:26.173Z');
CREATE TABLE workflow_state (
        worktree text not null, session text not null, spec_id text not null,
        task_id text, task_key text, task_number integer, task_title text,
        next_action text not null check (next_action in ('start', 'done', 'none')),
        agent text not null, branch text, head text, note text,
        version integer not null, saved_at text not null,
        primary key (worktree, session)
    ) strict;
INSERT INTO "workflow_state" VALUES('/repo','one','password-reset',NULL,NULL,NULL,NULL,'start','person','main',NULL,NULL,5,'2026-11-27T05:41:26.254Z');
CREATE TABLE worktrees (
        id text primary key, -- name and inode of its git directory
        path text not null, seen_at text not null
    ) strict;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX processes_open on processes (status) where status <> 'completed';
CREATE TRIGGER history_no_update before update on history
        begin select raise(abort, 'history is append-only'); end;
CREATE TRIGGER history_no_delete before delete on history
        begin select raise(abort, 'history is append-only'); end;
CREATE INDEX issues_of_spec on issues (spec_id, task_id);
CREATE UNIQUE INDEX processes_by_decision on processes (decision_id) where decision_id is not null;
CREATE INDEX decisions_of_task on decision_tasks (spec_id, task_id);
CREATE INDEX outbox_open on outbox (state) where state <> 'delivered';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('processes',8);
INSERT INTO "sqlite_sequence" VALUES('history',9);
INSERT INTO "sqlite_sequence" VALUES('outbox',13);
COMMIT;
PRAGMA user_version=5;
