pragma user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'craftkit','001_local_loop','2026-11-26 16:05:05.639812+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'craftkit','002_github','2026-11-26 16:05:05.641476+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'craftkit','003_agents','2026-11-26 16:05:05.641678+00:00');
CREATE TABLE claims (
        spec_id text not null, task_id text not null, session text not null, agent text not null,
        worktree text not null, branch text, head text, actor text not null,
        started_at text not null,
        primary key (spec_id, task_id)
    ) strict;
INSERT INTO "claims" VALUES('password-reset','T002','one','person','/repo','main',NULL,'ada','2026-11-26T16:05:05.911Z');
CREATE TABLE history (
        seq integer primary key autoincrement, at text not null, event text not null,
        spec_id text, task_id text, session text not null, agent text not null,
        actor text not null, branch text, head text, data text not null
    ) strict;
INSERT INTO "history" VALUES(1,'2026-11-26T16:05:05.645Z','spec.created','password-reset',NULL,'one','person','ada','main',NULL,'{"path": "specs/password-reset.md"}');
INSERT INTO "history" VALUES(2,'2026-11-26T16:05:05.736Z','task.started','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(3,'2026-11-26T16:05:05.818Z','task.done','password-reset','T001','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(4,'2026-11-26T16:05:05.911Z','task.started','password-reset','T002','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(5,'2026-11-26T16:05:06.397Z','spec.linked','password-reset',NULL,'one','person','ada','main',NULL,'{"parents": 1, "children": 5}');
INSERT INTO "history" VALUES(6,'2026-11-26T16:05:06.557Z','task.dropped','password-reset','T004','one','person','ada','main',NULL,'{"source": "command", "reason": "later", "held_by": null}');
INSERT INTO "history" VALUES(7,'2026-11-26T16:05:06.822Z','task.done','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(8,'2026-11-26T16:05:07.082Z','task.reopened','password-reset','T005','one','person','ada','main',NULL,'{"source": "command", "reason": "", "held_by": null}');
INSERT INTO "history" VALUES(9,'2026-11-26T16:05:07.205Z','spec.created','second',NULL,'one','person','ada','main',NULL,'{"path": "specs/second.md"}');
INSERT INTO "history" VALUES(10,'2026-11-26T16:05:07.453Z','spec.linked','second',NULL,'one','person','ada','main',NULL,'{"parents": 1, "children": 2}');
CREATE TABLE hooks (
        session text not null, worktree text not null, name text not null,
        value text not null default '', at text not null,
        primary key (session, worktree, name)
    ) strict;
CREATE TABLE intents (
        id text primary key,
        kind text not null check (kind in ('start', 'done', 'reopen', 'drop')),
        spec_id text not null, task_id text not null, source text not null,
        payload text not null, worktree text not null, path text not null, session text not null,
        state text not null check (state in ('recorded', 'applied', 'abandoned')),
        process_id integer, created_at text not null, settled_at text
    ) strict;
INSERT INTO "intents" VALUES('c0003a238bd79ef6','start','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',1,'2026-11-26T16:05:05.736Z','2026-11-26T16:05:05.739Z');
INSERT INTO "intents" VALUES('76913c4bb597bdb6','done','password-reset','T001','command','{}','/repo','specs/password-reset.md','one','applied',2,'2026-11-26T16:05:05.818Z','2026-11-26T16:05:05.825Z');
INSERT INTO "intents" VALUES('fd6f8c4f8250d10c','start','password-reset','T002','command','{}','/repo','specs/password-reset.md','one','applied',3,'2026-11-26T16:05:05.911Z','2026-11-26T16:05:05.913Z');
INSERT INTO "intents" VALUES('3cd7f732b8d9b43e','drop','password-reset','T004','command','{}','/repo','specs/password-reset.md','one','applied',5,'2026-11-26T16:05:06.557Z','2026-11-26T16:05:06.559Z');
INSERT INTO "intents" VALUES('709b95c113ff0f38','done','password-reset','T005','command','{}','/repo','specs/password-reset.md','one','applied',6,'2026-11-26T16:05:06.822Z','2026-11-26T16:05:06.828Z');
INSERT INTO "intents" VALUES('d81d9da103f1891c','reopen','password-reset','T005','command','{}','/repo','specs/password-reset.md','one','applied',7,'2026-11-26T16:05:07.082Z','2026-11-26T16:05:07.088Z');
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
INSERT INTO "issues" VALUES('octo-dev/demo',7,'second',NULL,'',5000000027,'I_sb12a05f21b','Second');
INSERT INTO "issues" VALUES('octo-dev/demo',8,'second','T001','',5000000029,'I_sb12a05f21d','T001 One');
INSERT INTO "issues" VALUES('octo-dev/demo',9,'second','T002','',5000000032,'I_sb12a05f220','T002 Two');
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
INSERT INTO "outbox" VALUES(1,NULL,'password-reset',NULL,1,'create','{"title": "Password reset", "body": "Spec: `specs/password-reset.md`\n\n5 tasks.\n\n<!-- craftkit spec=password-reset -->", "labels": ["phase: requirements"], "part": ""}','delivered',0,0,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.403Z');
INSERT INTO "outbox" VALUES(2,NULL,'password-reset','T001',2,'create','{"title": "T001 Design the API", "body": "Spec: `specs/password-reset.md:24`\n\n<!-- craftkit spec=password-reset task=T001 -->", "part": ""}','delivered',0,1,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.411Z');
INSERT INTO "outbox" VALUES(3,NULL,'password-reset','T001',NULL,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.438Z');
INSERT INTO "outbox" VALUES(4,NULL,'password-reset','T002',3,'create','{"title": "T002 Write the code", "body": "Spec: `specs/password-reset.md:25`\n\n<!-- craftkit spec=password-reset task=T002 -->", "part": ""}','delivered',0,2,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.415Z');
INSERT INTO "outbox" VALUES(5,NULL,'password-reset','T002',NULL,'start','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.438Z');
INSERT INTO "outbox" VALUES(6,NULL,'password-reset','T003',4,'create','{"title": "T003 Test it", "body": "Spec: `specs/password-reset.md:26`\n\n<!-- craftkit spec=password-reset task=T003 -->", "part": ""}','delivered',0,3,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.418Z');
INSERT INTO "outbox" VALUES(7,NULL,'password-reset','T004',5,'create','{"title": "T004 Ship it", "body": "Spec: `specs/password-reset.md:27`\n\n<!-- craftkit spec=password-reset task=T004 -->", "part": ""}','delivered',0,4,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.421Z');
INSERT INTO "outbox" VALUES(8,NULL,'password-reset','T005',6,'create','{"title": "T005 Tell people", "body": "Spec: `specs/password-reset.md:28`\n\n<!-- craftkit spec=password-reset task=T005 -->", "part": ""}','delivered',0,5,0.0,NULL,'2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.425Z');
INSERT INTO "outbox" VALUES(9,'3cd7f732b8d9b43e','password-reset','T004',5,'drop','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:06.558Z','2026-11-26T16:05:06.740Z');
INSERT INTO "outbox" VALUES(10,'709b95c113ff0f38','password-reset','T005',6,'close','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:06.823Z','2026-11-26T16:05:06.995Z');
INSERT INTO "outbox" VALUES(11,'d81d9da103f1891c','password-reset','T005',6,'reopen','{}','delivered',0,NULL,0.0,NULL,'2026-11-26T16:05:07.082Z','2026-11-26T16:05:07.491Z');
INSERT INTO "outbox" VALUES(12,NULL,'second',NULL,7,'create','{"title": "Second", "body": "Spec: `specs/second.md`\n\n2 tasks.\n\n<!-- craftkit spec=second -->", "labels": ["phase: requirements"], "part": ""}','delivered',0,6,0.0,NULL,'2026-11-26T16:05:07.453Z','2026-11-26T16:05:07.462Z');
INSERT INTO "outbox" VALUES(13,NULL,'second','T001',8,'create','{"title": "T001 One", "body": "Spec: `specs/second.md:24`\n\n<!-- craftkit spec=second task=T001 -->", "part": ""}','delivered',0,7,0.0,NULL,'2026-11-26T16:05:07.453Z','2026-11-26T16:05:07.467Z');
INSERT INTO "outbox" VALUES(14,NULL,'second','T002',9,'create','{"title": "T002 Two", "body": "Spec: `specs/second.md:25`\n\n<!-- craftkit spec=second task=T002 -->", "part": ""}','delivered',0,8,0.0,NULL,'2026-11-26T16:05:07.453Z','2026-11-26T16:05:07.470Z');
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
INSERT INTO "process_steps" VALUES(1,1,'mark_box','success','2026-11-26T16:05:05.736Z','2026-11-26T16:05:05.738Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(1,2,'settle','success','2026-11-26T16:05:05.738Z','2026-11-26T16:05:05.739Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(2,1,'tick_box','success','2026-11-26T16:05:05.818Z','2026-11-26T16:05:05.823Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(2,2,'settle','success','2026-11-26T16:05:05.823Z','2026-11-26T16:05:05.825Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(3,1,'mark_box','success','2026-11-26T16:05:05.910Z','2026-11-26T16:05:05.912Z','{"changed": 0, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(3,2,'settle','success','2026-11-26T16:05:05.912Z','2026-11-26T16:05:05.913Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(4,1,'adopt_links','skipped','2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.398Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,2,'make_issues','success','2026-11-26T16:05:06.398Z','2026-11-26T16:05:06.439Z','{"queued": 0, "dead": 0, "delivered": 8, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(4,3,'write_links','success','2026-11-26T16:05:06.439Z','2026-11-26T16:05:06.444Z','{"written": 5}',NULL,0);
INSERT INTO "process_steps" VALUES(4,4,'block','skipped','2026-11-26T16:05:06.444Z','2026-11-26T16:05:06.444Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(4,5,'verify','success','2026-11-26T16:05:06.444Z','2026-11-26T16:05:06.466Z','{"verified": true, "drift": {"done_not_closed": 0, "closed_not_ticked": 0, "reopened_not_unticked": 0, "reopened_not_sent": 0, "title": 0, "duplicate": 0, "link_lost": 0, "missing": 0, "orphan": 0, "attention": 0, "queued": 0, "dead": 0}}',NULL,0);
INSERT INTO "process_steps" VALUES(5,1,'settle','success','2026-11-26T16:05:06.557Z','2026-11-26T16:05:06.559Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(5,2,'drop_issue','success','2026-11-26T16:05:06.559Z','2026-11-26T16:05:06.741Z','{"queued": 0, "dead": 0, "delivered": 1, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(6,1,'tick_box','success','2026-11-26T16:05:06.822Z','2026-11-26T16:05:06.827Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(6,2,'settle','success','2026-11-26T16:05:06.827Z','2026-11-26T16:05:06.828Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(6,3,'close_issue','success','2026-11-26T16:05:06.828Z','2026-11-26T16:05:06.995Z','{"queued": 0, "dead": 0, "delivered": 1, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(7,1,'untick_box','success','2026-11-26T16:05:07.081Z','2026-11-26T16:05:07.086Z','{"changed": 1, "missing": []}',NULL,0);
INSERT INTO "process_steps" VALUES(7,2,'settle','success','2026-11-26T16:05:07.086Z','2026-11-26T16:05:07.087Z','{}',NULL,0);
INSERT INTO "process_steps" VALUES(7,3,'reopen_issue','success','2026-11-26T16:05:07.087Z','2026-11-26T16:05:07.093Z','{"queued": 1, "dead": 0, "delivered": 0, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(8,1,'adopt_links','skipped','2026-11-26T16:05:07.453Z','2026-11-26T16:05:07.455Z','{"skipped": true}',NULL,0);
INSERT INTO "process_steps" VALUES(8,2,'make_issues','success','2026-11-26T16:05:07.455Z','2026-11-26T16:05:07.492Z','{"queued": 0, "dead": 0, "delivered": 4, "why": "", "hint": "", "code": ""}',NULL,0);
INSERT INTO "process_steps" VALUES(8,3,'write_links','running','2026-11-26T16:05:07.492Z',NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(8,4,'block','pending',NULL,NULL,NULL,NULL,0);
INSERT INTO "process_steps" VALUES(8,5,'verify','pending',NULL,NULL,NULL,NULL,0);
CREATE TABLE processes (
        id integer primary key autoincrement, kind text not null, input text not null,
        status text not null check (status in ('running', 'completed', 'error', 'interrupted')),
        current_step text, interrupt_reason text, attempts integer not null,
        owner text not null, worktree text not null, session text not null,
        started_at text not null, updated_at text not null, finished_at text
    ) strict;
INSERT INTO "processes" VALUES(1,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "start", "intent": "c0003a238bd79ef6", "source": "command", "set_aside": [], "issues": {}, "claimed": {}, "sends": false}','completed','settle',NULL,1,'HOST:20757:198508','/repo','one','2026-11-26T16:05:05.736Z','2026-11-26T16:05:05.739Z','2026-11-26T16:05:05.739Z');
INSERT INTO "processes" VALUES(2,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T001"], "refs": "T001", "action": "done", "intent": "76913c4bb597bdb6", "source": "command", "held_by": null, "issues": {}, "claimed": {}, "sends": false}','completed','settle',NULL,1,'HOST:20758:198517','/repo','one','2026-11-26T16:05:05.818Z','2026-11-26T16:05:05.825Z','2026-11-26T16:05:05.825Z');
INSERT INTO "processes" VALUES(3,'task start','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T002"], "refs": "T002", "action": "start", "intent": "fd6f8c4f8250d10c", "source": "command", "set_aside": [], "issues": {}, "claimed": {}, "sends": false}','completed','settle',NULL,1,'HOST:20759:198526','/repo','one','2026-11-26T16:05:05.910Z','2026-11-26T16:05:05.913Z','2026-11-26T16:05:05.913Z');
INSERT INTO "processes" VALUES(4,'spec link','{"spec": "password-reset", "path": "specs/password-reset.md", "adopted": {}, "blocks": []}','completed','verify',NULL,1,'HOST:20762:198552','/repo','one','2026-11-26T16:05:06.397Z','2026-11-26T16:05:06.466Z','2026-11-26T16:05:06.466Z');
INSERT INTO "processes" VALUES(5,'task drop','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T004"], "refs": "T004", "action": "drop", "intent": "3cd7f732b8d9b43e", "source": "command", "reason": "later", "held_by": null, "issues": {"T004": 5}, "claimed": {"T004": {}}, "sends": true}','completed','drop_issue',NULL,1,'HOST:20777:198590','/repo','one','2026-11-26T16:05:06.557Z','2026-11-26T16:05:06.741Z','2026-11-26T16:05:06.741Z');
INSERT INTO "processes" VALUES(6,'task done','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T005"], "refs": "T005", "action": "done", "intent": "709b95c113ff0f38", "source": "command", "held_by": null, "issues": {"T005": 6}, "claimed": {"T005": {}}, "sends": true}','completed','close_issue',NULL,1,'HOST:20780:198617','/repo','one','2026-11-26T16:05:06.822Z','2026-11-26T16:05:06.995Z','2026-11-26T16:05:06.995Z');
INSERT INTO "processes" VALUES(7,'task reopen','{"spec": "password-reset", "path": "specs/password-reset.md", "tasks": ["T005"], "refs": "T005", "action": "reopen", "intent": "d81d9da103f1891c", "source": "command", "held_by": null, "issues": {"T005": 6}, "claimed": {"T005": {}}, "sends": true}','completed','reopen_issue',NULL,1,'HOST:20783:198643','/repo','one','2026-11-26T16:05:07.081Z','2026-11-26T16:05:07.093Z','2026-11-26T16:05:07.093Z');
INSERT INTO "processes" VALUES(8,'spec link','{"spec": "second", "path": "specs/second.md", "adopted": {}, "blocks": []}','running','write_links','its process was killed',2,'HOST:20793:198693','/repo','one','2026-11-26T16:05:07.453Z','2026-11-26T16:05:07.608Z',NULL);
CREATE TABLE remembered (
        place text not null, name text not null, value text not null, at text not null,
        primary key (place, name)
    ) strict;
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','http://127.0.0.1:34255 octo-dev/demo abilities','known duplicate create-below block','2026-11-26T16:05:06.184Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','http://127.0.0.1:34255 octo-dev/demo name','octo-dev/demo','2026-11-26T16:05:06.184Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','http://127.0.0.1:34255 octo-dev/demo id','R_sb35a4e901','2026-11-26T16:05:06.184Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','http://127.0.0.1:34255 octo-dev/demo login','octo-dev','2026-11-26T16:05:06.184Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','highest','9','2026-11-26T16:05:07.471Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','capabilities','[true, true, true]','2026-11-26T16:05:06.396Z');
INSERT INTO "remembered" VALUES('http://127.0.0.1:34255 octo-dev/demo','http://127.0.0.1:34255 octo-dev/demo label status: in-progress','LA_sb1a13b8617','2026-11-26T16:05:06.399Z');
INSERT INTO "remembered" VALUES('octo-dev/demo','synced','2026-11-26T16:05:06.465Z','2026-11-26T16:05:06.465Z');
CREATE TABLE sessions (
        id text not null, worktree text not null, agent text not null, actor text not null,
        started_at text not null, seen_at text not null, ended_at text, end_reason text,
        primary key (id, worktree)
    ) strict;
INSERT INTO "sessions" VALUES('one','/repo','person','ada','2026-11-26T16:05:05.645Z','2026-11-26T16:05:07.454Z',NULL,NULL);
CREATE TABLE specs (
        id text primary key, path text not null, dialect text not null, name text not null,
        phase text, issue integer, branch text, created_at text not null, updated_at text not null
    ) strict;
INSERT INTO "specs" VALUES('password-reset','specs/password-reset.md','craftkit','Password reset','requirements',1,'main','2026-11-26T16:05:05.645Z','2026-11-26T16:05:07.095Z');
INSERT INTO "specs" VALUES('second','specs/second.md','craftkit','Second','requirements',NULL,'main','2026-11-26T16:05:07.204Z','2026-11-26T16:05:07.204Z');
CREATE TABLE tasks (
        spec_id text not null references specs(id) on delete cascade,
        task_id text not null, key text, title text not null, issue integer,
        base_done integer check (base_done in (0, 1)),
        dropped integer not null default 0 check (dropped in (0, 1)),
        updated_at text not null, agreed integer check (agreed in (0, 1)),
        primary key (spec_id, task_id)
    ) strict;
INSERT INTO "tasks" VALUES('password-reset','T001','T001','Design the API',2,1,0,'2026-11-26T16:05:05.825Z',1);
INSERT INTO "tasks" VALUES('password-reset','T002','T002','Write the code',3,0,0,'2026-11-26T16:05:05.645Z',0);
INSERT INTO "tasks" VALUES('password-reset','T003','T003','Test it',4,0,0,'2026-11-26T16:05:05.645Z',0);
INSERT INTO "tasks" VALUES('password-reset','T004','T004','Ship it',5,0,1,'2026-11-26T16:05:06.559Z',0);
INSERT INTO "tasks" VALUES('password-reset','T005','T005','Tell people',6,0,0,'2026-11-26T16:05:07.088Z',0);
INSERT INTO "tasks" VALUES('second','T001','T001','One',8,0,0,'2026-11-26T16:05:07.204Z',0);
INSERT INTO "tasks" VALUES('second','T002','T002','Two',9,0,0,'2026-11-26T16:05:07.204Z',0);
CREATE TABLE views (
        worktree text not null, path text not null, spec_id text not null, digest text not null,
        done integer not null, total integer not null, seen_at text not null,
        primary key (worktree, path)
    ) strict;
INSERT INTO "views" VALUES('/repo','specs/password-reset.md','password-reset','0c3d95675060156ca4993e1b451405f00b52ede258451cba29adb5279c73ad2f',1,5,'2026-11-26T16:05:07.095Z');
INSERT INTO "views" VALUES('/repo','specs/second.md','second','de6e55dd3a80c7480dcf500660ca47c1ced5f06c663f922dd481876e1a0f5256',0,2,'2026-11-26T16:05:07.204Z');
CREATE TABLE workflow_state (
        worktree text not null, session text not null, spec_id text not null,
        task_id text, task_key text, task_number integer, task_title text,
        next_action text not null check (next_action in ('start', 'done', 'none')),
        agent text not null, branch text, head text, note text,
        version integer not null, saved_at text not null,
        primary key (worktree, session)
    ) strict;
INSERT INTO "workflow_state" VALUES('/repo','one','second',NULL,NULL,NULL,NULL,'start','person','main',NULL,NULL,5,'2026-11-26T16:05:07.205Z');
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
INSERT INTO "sqlite_sequence" VALUES('outbox',14);
INSERT INTO "sqlite_sequence" VALUES('history',10);
INSERT INTO "sqlite_sequence" VALUES('processes',8);
COMMIT;
