-- The tables of a ledger on PostgreSQL at version 2.
CREATE TABLE ledger (epoch bigint NOT NULL);
INSERT INTO ledger VALUES (1);
CREATE TABLE events (
    originator_id text NOT NULL, originator_version bigint NOT NULL, topic text NOT NULL, state bytea NOT NULL,
    notification_id bigint NOT NULL, matter text NOT NULL, PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE events ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX events_position ON events (notification_id);
CREATE INDEX events_matter ON events (matter, notification_id);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'events are only ever appended' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE answers (
    sender_org text NOT NULL, sender_task text NOT NULL, command_id text NOT NULL, final boolean NOT NULL,
    content_hash text NOT NULL, answer_number bigint NOT NULL, status text NOT NULL,
    first_position bigint NOT NULL, answer bytea NOT NULL,
    PRIMARY KEY (command_id, sender_org, sender_task, final)
);
CREATE UNIQUE INDEX answers_number ON answers (sender_org, sender_task, answer_number);
-- Each statement of a volatile function has a snapshot of its own: what follows the lock sees all that was committed
-- before the lock was ours.
CREATE FUNCTION begin_writing(ledger_lock bigint, orgs text[], tasks text[], ids text[])
    RETURNS TABLE (head bigint, org text, task text, id text, is_final boolean, hash text, number bigint, kept text,
        position_of bigint, body bytea) LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(ledger_lock);
        RETURN QUERY SELECT (SELECT coalesce(max(e.notification_id), 0) FROM events e), a.*
            FROM (SELECT 1) AS one LEFT JOIN (unnest(orgs, tasks, ids) AS w(o, t, c) CROSS JOIN LATERAL
            -- By the id alone, and each id by itself: a plan by organisation and task reads a sender's whole line.
            (SELECT b.* FROM answers b WHERE b.command_id = w.c OFFSET 0) AS a)
            ON a.sender_org = w.o AND a.sender_task = w.t;
    END $$;
CREATE TABLE tracking (application_name text PRIMARY KEY, notification_id bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE acknowledgements (
    topic text NOT NULL, position bigint NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL,
    at_offset bigint NOT NULL, acknowledged_at bigint NOT NULL, PRIMARY KEY (topic, at_offset)
);
CREATE TABLE parked (topic text PRIMARY KEY, position bigint NOT NULL, code text NOT NULL);

ALTER TABLE answers ADD COLUMN sender_person text NOT NULL DEFAULT '';
ALTER TABLE answers ALTER COLUMN answer_number DROP NOT NULL;
ALTER TABLE answers DROP CONSTRAINT answers_pkey;
ALTER TABLE answers ADD PRIMARY KEY (command_id, sender_org, sender_task, sender_person, final);
DROP FUNCTION begin_writing(bigint, text[], text[], text[]);
CREATE FUNCTION begin_writing(ledger_lock bigint, orgs text[], tasks text[], ids text[])
    RETURNS TABLE (head bigint, org text, task text, id text, is_final boolean, hash text, number bigint, kept text,
        position_of bigint, body bytea, person text) LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(ledger_lock);
        RETURN QUERY SELECT (SELECT coalesce(max(e.notification_id), 0) FROM events e), a.*
            FROM (SELECT 1) AS one LEFT JOIN (unnest(orgs, tasks, ids) AS w(o, t, c) CROSS JOIN LATERAL
            -- By the id alone, and each id by itself: a plan by organisation and task reads a sender's whole line.
            (SELECT b.* FROM answers b WHERE b.command_id = w.c OFFSET 0) AS a)
            ON a.sender_org = w.o AND a.sender_task = w.t;
    END $$;
