"""The tables of a read model. `{date}` and `{time}` stand for the database's types, `{epoch}` for the generation."""

GENERATION = """
CREATE TABLE IF NOT EXISTS facts_{epoch} (
    sequence BIGINT NOT NULL, publication TEXT NOT NULL, kind TEXT NOT NULL, client TEXT NOT NULL, name TEXT NOT NULL,
    part TEXT, lookup TEXT, occurred_on {date} NOT NULL, from_on {date} NOT NULL, until_on {date},
    known_from {time} NOT NULL, known_until {time}, replaces TEXT, message_id TEXT, legal_basis TEXT NOT NULL,
    hash TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (sequence, kind));
CREATE INDEX IF NOT EXISTS facts_{epoch}_publication ON facts_{epoch} (publication);
CREATE TABLE IF NOT EXISTS clients_{epoch} (
    client TEXT NOT NULL, number BIGINT NOT NULL, known_from {time} NOT NULL, block TEXT NOT NULL,
    PRIMARY KEY (client, number))
"""
"""`number` is the sequence that a client block came with."""

PARKED = """
CREATE TABLE IF NOT EXISTS parked_{epoch} (
    sequence BIGINT NOT NULL PRIMARY KEY, client TEXT NOT NULL, reason TEXT NOT NULL,
    headers TEXT NOT NULL, value TEXT NOT NULL)
"""
"""Made when something is parked. Most recipients never need it, and a table is most of what a joining costs the database."""

INDEXES = """
CREATE INDEX IF NOT EXISTS facts_{epoch}_client ON facts_{epoch} (client, name);
CREATE INDEX IF NOT EXISTS facts_{epoch}_name ON facts_{epoch} (name, lookup, from_on);
CREATE INDEX IF NOT EXISTS facts_{epoch}_replaces ON facts_{epoch} (replaces) WHERE replaces IS NOT NULL
"""
"""What questions look rows up by; made when a generation begins to answer, so that a rebuild does not carry them."""

OVER = """
CREATE TABLE IF NOT EXISTS epochs_over (epoch BIGINT PRIMARY KEY, came TEXT NOT NULL)
"""
"""Made when a newer epoch begins: what had come of the older ones by then."""

STATE = """
CREATE TABLE IF NOT EXISTS generations (
    epoch BIGINT PRIMARY KEY, sequence BIGINT NOT NULL, chain_hash VARCHAR(64) NOT NULL, newest_at {time},
    until_sequence BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS feed (
    one INTEGER PRIMARY KEY CHECK (one = 1), live_epoch BIGINT NOT NULL, next_offset BIGINT NOT NULL,
    topic_id VARCHAR(64) NOT NULL, read_at {time}, heartbeat_at {time}, halted VARCHAR(360) NOT NULL,
    waiting_for BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL)
"""
"""Their texts are bounded, so that PostgreSQL makes no table beside each for long ones. In models of before they are not."""

LONGEST_HALT = 360
"""Characters of what is kept of why a line stands still."""

VERSION = 2
"""Of these tables. A model of a newer program is not touched by an older one; one that was made before versions were kept is
of the first. In those of the first, `PARKED` and `OVER` are always there, and their program needs them."""
