-- The tables of every room as the first version for years has them; later changes are migrations of their own.
-- In braces: what SQLite and PostgreSQL write differently, see 0028_tables.py.

-- readiness
CREATE TABLE assessment_evidence (
    id {number}, digest TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, file_name TEXT NOT NULL, link TEXT NOT NULL,
    title TEXT NOT NULL, language TEXT NOT NULL, valid_from DATE, valid_until DATE, added_at {time} NOT NULL,
    added_by TEXT NOT NULL
);
CREATE TABLE assessment_framework_version (
    id {number}, framework TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL, definition {json} NOT NULL,
    digest TEXT NOT NULL, created_at {time} NOT NULL, created_by TEXT NOT NULL, published_at {time},
    published_by TEXT, CONSTRAINT uq_assessment_framework_version UNIQUE (framework, version)
);
CREATE TABLE assessment_target (
    id {number}, unit TEXT NOT NULL, framework TEXT NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
    goal FLOAT NOT NULL, baseline INTEGER NOT NULL, "end" INTEGER NOT NULL, at {time} NOT NULL, "by" TEXT NOT NULL
);
CREATE INDEX ix_assessment_target_unit ON assessment_target (unit);
CREATE TABLE assessment (
    id {number}, unit TEXT NOT NULL, unit_name TEXT NOT NULL,
    version_id INTEGER NOT NULL REFERENCES assessment_framework_version (id), as_of DATE NOT NULL,
    groups {json} NOT NULL, ranked BOOLEAN NOT NULL, started_at {time} NOT NULL, started_by TEXT NOT NULL,
    closed_at {time}, CONSTRAINT uq_assessment_unit_version_date UNIQUE (unit, version_id, as_of)
);
CREATE INDEX ix_assessment_unit ON assessment (unit);
CREATE INDEX ix_assessment_version_id ON assessment (version_id);
CREATE TABLE assessment_responsible (
    id {number}, version_id INTEGER NOT NULL REFERENCES assessment_framework_version (id), criterion TEXT NOT NULL,
    name TEXT NOT NULL, since {time} NOT NULL
);
CREATE INDEX ix_assessment_responsible_version_id ON assessment_responsible (version_id);
CREATE TABLE assessment_action (
    id {number}, assessment_id INTEGER NOT NULL REFERENCES assessment (id), question TEXT NOT NULL,
    level INTEGER NOT NULL, title TEXT NOT NULL, owner TEXT NOT NULL, due DATE NOT NULL, cost FLOAT,
    currency TEXT NOT NULL, gain FLOAT NOT NULL, gain_low FLOAT NOT NULL, gain_high FLOAT NOT NULL, done_on DATE,
    at {time} NOT NULL, "by" TEXT NOT NULL
);
CREATE INDEX ix_assessment_action_assessment_id ON assessment_action (assessment_id);
CREATE TABLE assessment_answer (
    id {number}, assessment_id INTEGER NOT NULL REFERENCES assessment (id), question TEXT NOT NULL, level INTEGER,
    status TEXT NOT NULL, assessor_kind TEXT NOT NULL, assessor TEXT NOT NULL, comment TEXT NOT NULL,
    at {time} NOT NULL
);
CREATE INDEX ix_assessment_answer_assessment_id ON assessment_answer (assessment_id);
CREATE TABLE assessment_evidence_use (
    id {number}, evidence_id INTEGER NOT NULL REFERENCES assessment_evidence (id),
    assessment_id INTEGER NOT NULL REFERENCES assessment (id), question TEXT NOT NULL, at {time} NOT NULL,
    "by" TEXT NOT NULL, CONSTRAINT uq_assessment_evidence_use UNIQUE (evidence_id, assessment_id, question)
);
CREATE INDEX ix_assessment_evidence_use_assessment_id ON assessment_evidence_use (assessment_id);
CREATE TABLE assessment_measurement (
    id {number}, assessment_id INTEGER NOT NULL REFERENCES assessment (id), "query" TEXT NOT NULL,
    method_version TEXT NOT NULL, as_of {time} NOT NULL, unit TEXT NOT NULL, value FLOAT, low FLOAT NOT NULL,
    high FLOAT NOT NULL, observed INTEGER NOT NULL, total INTEGER NOT NULL, coverage FLOAT NOT NULL,
    successes FLOAT NOT NULL, trials FLOAT NOT NULL, detail {json} NOT NULL, facts_digest TEXT NOT NULL,
    at {time} NOT NULL, "by" TEXT NOT NULL
);
CREATE INDEX ix_assessment_measurement_assessment_id ON assessment_measurement (assessment_id);
CREATE TABLE assessment_statement (
    id {number}, assessment_id INTEGER NOT NULL REFERENCES assessment (id), question TEXT NOT NULL,
    kind TEXT NOT NULL, about_id INTEGER REFERENCES assessment_statement (id), outcome TEXT NOT NULL,
    "by" TEXT NOT NULL, text TEXT NOT NULL, at {time} NOT NULL
);
CREATE INDEX ix_assessment_statement_assessment_id ON assessment_statement (assessment_id);

-- accounts
CREATE TABLE attempt_bucket (
    "key" TEXT NOT NULL PRIMARY KEY, level {double} NOT NULL, at {time} NOT NULL
);
CREATE INDEX ix_attempt_bucket_at ON attempt_bucket (at);
CREATE TABLE person (
    id {number}, mailbox TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, teams {json} NOT NULL,
    password TEXT NOT NULL, language TEXT NOT NULL, theme TEXT NOT NULL, made_at {time} NOT NULL, blocked_at {time},
    removed_at {time}
);
CREATE TABLE used_once (
    secret TEXT NOT NULL PRIMARY KEY, expires_at {time} NOT NULL
);
CREATE INDEX ix_used_once_expires_at ON used_once (expires_at);
CREATE TABLE account_elsewhere (
    id {number}, person_id INTEGER NOT NULL REFERENCES person (id), issuer TEXT NOT NULL, subject TEXT NOT NULL,
    made_at {time} NOT NULL, UNIQUE (issuer, subject)
);
CREATE INDEX ix_account_elsewhere_person_id ON account_elsewhere (person_id);
CREATE TABLE api_token (
    id {counted}, person_id INTEGER NOT NULL REFERENCES person (id), name TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE, scopes {json} NOT NULL, made_at {time} NOT NULL, expires_at {time} NOT NULL,
    used_at {time}, revoked_at {time}
);
CREATE INDEX ix_api_token_person_id ON api_token (person_id);
CREATE TABLE passkey (
    id {number}, person_id INTEGER NOT NULL REFERENCES person (id), name TEXT NOT NULL,
    credential TEXT NOT NULL UNIQUE, public_key {bytes} NOT NULL, uses INTEGER NOT NULL, made_at {time} NOT NULL,
    used_at {time}
);
CREATE INDEX ix_passkey_person_id ON passkey (person_id);
CREATE TABLE recovery_code (
    id {number}, person_id INTEGER NOT NULL REFERENCES person (id), code TEXT NOT NULL, used_at {time}
);
CREATE INDEX ix_recovery_code_person_id ON recovery_code (person_id);
CREATE TABLE session (
    id {number}, person_id INTEGER NOT NULL REFERENCES person (id), secret TEXT NOT NULL UNIQUE,
    made_at {time} NOT NULL, seen_at {time} NOT NULL, ends_at {time} NOT NULL, agent TEXT NOT NULL,
    proved_at {time} NOT NULL, limited BOOLEAN NOT NULL
);
CREATE INDEX ix_session_person_id ON session (person_id);
CREATE TABLE totp (
    person_id INTEGER NOT NULL PRIMARY KEY REFERENCES person (id), secret TEXT NOT NULL, step BIGINT NOT NULL,
    made_at {time} NOT NULL
);
CREATE TABLE welcome_link (
    id {counted}, kind TEXT NOT NULL, name TEXT NOT NULL UNIQUE, person_id INTEGER REFERENCES person (id),
    mailbox TEXT NOT NULL, role TEXT NOT NULL, teams {json} NOT NULL, made_at {time} NOT NULL,
    ends_at {time} NOT NULL, used_at {time}
);
CREATE INDEX ix_welcome_link_person_id ON welcome_link (person_id);

-- records
CREATE TABLE audit_aside (
    id {counted}, kind TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX ix_audit_aside_text ON audit_aside (text);
CREATE TABLE audit_entry (
    id {number}, at {time} NOT NULL, actor TEXT NOT NULL, word TEXT NOT NULL, subject TEXT NOT NULL,
    detail {json} NOT NULL
);
CREATE INDEX ix_audit_entry_actor ON audit_entry (actor, id);
CREATE INDEX ix_audit_entry_at ON audit_entry (at);
CREATE INDEX ix_audit_entry_subject ON audit_entry (subject, id);
CREATE INDEX ix_audit_entry_word ON audit_entry (word, id);
CREATE TABLE audit_seal (
    number INTEGER NOT NULL PRIMARY KEY, at {time} NOT NULL, count INTEGER NOT NULL, ids {json} NOT NULL,
    top INTEGER NOT NULL, leaves {bytes} NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL,
    "key" TEXT NOT NULL, signature TEXT NOT NULL
);
CREATE INDEX ix_audit_seal_at ON audit_seal (at);
CREATE TABLE node_identity (
    id {number}, uuid {uuid} NOT NULL
);

-- delivery
CREATE TABLE brake_pass (
    id {number}, until {time} NOT NULL, mails INTEGER NOT NULL
);
CREATE TABLE delivery (
    id {number}, uuid {uuid} NOT NULL, reference TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL,
    team_id INTEGER NOT NULL, events INTEGER NOT NULL, state TEXT NOT NULL, created_at {time} NOT NULL,
    next_try_at {time}, attempts INTEGER NOT NULL, sent_at {time}, channel TEXT NOT NULL, subject TEXT NOT NULL,
    mails_sent INTEGER NOT NULL, waiting {json} NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
    counts {json} NOT NULL, error TEXT NOT NULL, protection TEXT DEFAULT '' NOT NULL, released_at {time},
    repeats INTEGER, UNIQUE (uuid)
);
CREATE INDEX ix_delivery_sent_at ON delivery (sent_at);
CREATE INDEX ix_delivery_state ON delivery (state);
CREATE INDEX ix_delivery_team_id ON delivery (team_id);
CREATE TABLE halt (
    kind TEXT NOT NULL PRIMARY KEY, at {time} NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
    mails INTEGER NOT NULL
);
CREATE TABLE posted (
    id {number}, at {time} NOT NULL, way TEXT NOT NULL, mailbox TEXT NOT NULL, reference TEXT NOT NULL
);
CREATE INDEX ix_posted_way_at ON posted (way, at);
CREATE TABLE delivery_item (
    id {number}, ingest INTEGER NOT NULL, team_id INTEGER NOT NULL, events INTEGER NOT NULL, due_at {time} NOT NULL,
    state TEXT NOT NULL, delivery_id INTEGER REFERENCES delivery (id), UNIQUE (ingest, team_id)
);
CREATE INDEX ix_delivery_item_delivery_id ON delivery_item (delivery_id);
CREATE INDEX ix_delivery_item_owed ON delivery_item (state, team_id, due_at, events);
CREATE INDEX ix_delivery_item_state_due_at ON delivery_item (state, due_at);
CREATE INDEX ix_delivery_item_team_id ON delivery_item (team_id);

-- collectors
CREATE TABLE collected (
    id {number}, collector TEXT NOT NULL, "key" TEXT NOT NULL, label TEXT NOT NULL, at {time} NOT NULL,
    refused TEXT NOT NULL, UNIQUE (collector, "key")
);
CREATE TABLE collector (
    name TEXT NOT NULL PRIMARY KEY, last_try_at {time}, last_success_at {time}, last_report_at {time},
    next_try_at {time}, failures INTEGER NOT NULL, error TEXT NOT NULL, cursor {json} NOT NULL
);

-- events
CREATE TABLE column_set (
    id {number}, digest TEXT NOT NULL UNIQUE, names {json} NOT NULL
);
CREATE TABLE feed (
    id {number}, source TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, provider TEXT NOT NULL,
    tlp TEXT NOT NULL, pap TEXT NOT NULL, terms TEXT NOT NULL, cadence_hours INTEGER NOT NULL,
    duplicate_days INTEGER NOT NULL, UNIQUE (source, code)
);
CREATE TABLE left_aside (
    ingest INTEGER NOT NULL PRIMARY KEY, at {time} NOT NULL, said_by TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE team_set (
    number INTEGER NOT NULL PRIMARY KEY, members {json} NOT NULL
);
CREATE TABLE event_view (
    id {counted}, person_id INTEGER NOT NULL REFERENCES person (id), name TEXT NOT NULL, "query" TEXT NOT NULL,
    shared BOOLEAN NOT NULL, made_at {time} NOT NULL
);
CREATE INDEX ix_event_view_person_id ON event_view (person_id);
CREATE TABLE feed_alarm (
    id {number}, feed_id INTEGER NOT NULL REFERENCES feed (id), kind TEXT NOT NULL, alarm_key TEXT UNIQUE,
    words TEXT NOT NULL, ingest INTEGER, opened_at {time} NOT NULL, closed_at {time}, acknowledged_at {time},
    acknowledged_by TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX ix_feed_alarm_feed_id ON feed_alarm (feed_id);
CREATE TABLE ingest (
    number INTEGER NOT NULL PRIMARY KEY, feed_id INTEGER NOT NULL REFERENCES feed (id), content_hash TEXT NOT NULL,
    report TEXT NOT NULL, state TEXT NOT NULL, started_at {time} NOT NULL, day DATE NOT NULL, newest_event {time},
    replay_of INTEGER, directory_version TEXT NOT NULL, rows INTEGER NOT NULL, stored INTEGER NOT NULL,
    duplicates INTEGER NOT NULL, quarantined INTEGER NOT NULL, problems_new INTEGER NOT NULL,
    problems_continuing INTEGER NOT NULL, routed INTEGER NOT NULL, unrouted INTEGER NOT NULL,
    withheld INTEGER NOT NULL, deliveries INTEGER NOT NULL, withheld_by_rule {json} NOT NULL, parts {json} NOT NULL,
    column_set INTEGER, replay_places {json}, UNIQUE (content_hash, feed_id)
);
CREATE INDEX ix_ingest_feed_id ON ingest (feed_id);
CREATE INDEX ix_ingest_quarantined ON ingest (quarantined);
CREATE INDEX ix_ingest_replay_of ON ingest (replay_of);
CREATE INDEX ix_ingest_started_at ON ingest (started_at);

-- directory
CREATE TABLE contact_fact (
    id {number}, mailbox TEXT NOT NULL, team_id INTEGER, kind TEXT NOT NULL, at {time} NOT NULL, via TEXT NOT NULL,
    permanent BOOLEAN NOT NULL, told_at {time}, detail TEXT NOT NULL
);
CREATE INDEX ix_contact_fact_kind_at ON contact_fact (kind, at);
CREATE INDEX ix_contact_fact_mailbox ON contact_fact (mailbox);
CREATE INDEX ix_contact_fact_team_id ON contact_fact (team_id);
CREATE TABLE directory_decision (
    id {number}, kind TEXT NOT NULL, value TEXT NOT NULL, teams {json} NOT NULL, against {json} NOT NULL,
    said_by TEXT NOT NULL, reason TEXT NOT NULL, recorded {time} NOT NULL, withdrawn {time}
);
CREATE INDEX ix_directory_decision_value ON directory_decision (kind, value);
CREATE TABLE directory_state (
    id {number}, version TEXT NOT NULL
);
INSERT INTO directory_state (id, version) VALUES (1, 'empty');
CREATE TABLE rdap_answer (
    id {number}, what TEXT NOT NULL UNIQUE, asked_at {time} NOT NULL, answer {json} NOT NULL
);
CREATE INDEX ix_rdap_answer_asked_at ON rdap_answer (asked_at);
CREATE TABLE team (
    id {number}, uuid {uuid} NOT NULL, "key" TEXT NOT NULL UNIQUE, name TEXT NOT NULL, organisation TEXT NOT NULL,
    kind TEXT NOT NULL, country TEXT NOT NULL, language TEXT NOT NULL, timezone TEXT NOT NULL,
    interval TEXT NOT NULL, formats {json} NOT NULL, ceiling TEXT NOT NULL, encrypt BOOLEAN NOT NULL,
    recorded {time} NOT NULL, UNIQUE (uuid)
);
CREATE TABLE verification (
    id {number}, name TEXT NOT NULL UNIQUE, mailbox TEXT NOT NULL, teams {json} NOT NULL, networks {json} NOT NULL,
    networks_all INTEGER NOT NULL, asked_at {time} NOT NULL, expires_at {time} NOT NULL, reminders INTEGER NOT NULL,
    used_at {time}, outcome TEXT NOT NULL, via TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX ix_verification_asked_at ON verification (asked_at);
CREATE INDEX ix_verification_mailbox ON verification (mailbox);
CREATE TABLE claim (
    id {number}, uuid {uuid} NOT NULL, team_id INTEGER NOT NULL REFERENCES team (id), kind TEXT NOT NULL,
    value TEXT NOT NULL, mailbox TEXT NOT NULL, claimed_by TEXT NOT NULL, made_at {time} NOT NULL,
    expires_at {time} NOT NULL, state TEXT NOT NULL, dns_value TEXT NOT NULL UNIQUE, code TEXT NOT NULL,
    asked {json} NOT NULL, tries INTEGER NOT NULL, proof TEXT NOT NULL, proved_at {time}, evidence TEXT NOT NULL,
    decided_by TEXT NOT NULL, decided_at {time}, reason TEXT NOT NULL, UNIQUE (uuid)
);
CREATE INDEX ix_claim_state ON claim (state);
CREATE INDEX ix_claim_team_id ON claim (team_id);
CREATE TABLE constituency (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), kind TEXT NOT NULL, value TEXT NOT NULL,
    role TEXT NOT NULL, source TEXT NOT NULL, as_of DATE, confidence INTEGER, said_by TEXT NOT NULL,
    recorded {time} NOT NULL, withdrawn {time}, word TEXT, reason TEXT
);
CREATE INDEX ix_constituency_source ON constituency (source, withdrawn);
CREATE INDEX ix_constituency_team_id ON constituency (team_id);
CREATE INDEX ix_constituency_value ON constituency (kind, value);
CREATE INDEX ix_constituency_word ON constituency (word);
CREATE TABLE denial (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), kind TEXT NOT NULL, value TEXT NOT NULL,
    said_by TEXT NOT NULL, reason TEXT NOT NULL, recorded {time} NOT NULL, withdrawn {time}
);
CREATE INDEX ix_denial_team_id ON denial (team_id);
CREATE TABLE mailbox (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), address TEXT NOT NULL, source TEXT NOT NULL,
    as_of DATE, confidence INTEGER, said_by TEXT NOT NULL, recorded {time} NOT NULL, withdrawn {time}, purpose TEXT,
    word TEXT, reason TEXT
);
CREATE INDEX ix_mailbox_source ON mailbox (source, withdrawn);
CREATE INDEX ix_mailbox_team_id ON mailbox (team_id);
CREATE INDEX ix_mailbox_value ON mailbox (address);
CREATE INDEX ix_mailbox_word ON mailbox (word);
CREATE TABLE merge_refusal (
    id {number}, one_id INTEGER NOT NULL REFERENCES team (id), other_id INTEGER NOT NULL REFERENCES team (id),
    said_by TEXT NOT NULL, reason TEXT NOT NULL, recorded {time} NOT NULL, UNIQUE (one_id, other_id)
);
CREATE TABLE mute (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), kind TEXT NOT NULL, value TEXT NOT NULL,
    until {time}, reason TEXT NOT NULL, source TEXT NOT NULL
);
CREATE INDEX ix_mute_team_id ON mute (team_id);
CREATE TABLE team_fact (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), kind TEXT NOT NULL, value TEXT NOT NULL,
    detail {json} NOT NULL, source TEXT NOT NULL, as_of DATE, confidence INTEGER, said_by TEXT NOT NULL,
    recorded {time} NOT NULL, withdrawn {time}
);
CREATE INDEX ix_team_fact_source ON team_fact (source, withdrawn);
CREATE INDEX ix_team_fact_team_id ON team_fact (team_id);
CREATE TABLE team_key (
    id {number}, uuid {uuid} NOT NULL, team_id INTEGER NOT NULL REFERENCES team (id), format TEXT NOT NULL,
    fingerprint TEXT NOT NULL, content {bytes} NOT NULL, any_mailbox BOOLEAN NOT NULL, preferred BOOLEAN NOT NULL,
    revoked BOOLEAN NOT NULL, source TEXT NOT NULL, said_by TEXT NOT NULL, recorded {time} NOT NULL,
    withdrawn {time}, reason TEXT NOT NULL, UNIQUE (uuid)
);
CREATE INDEX ix_team_key_fingerprint ON team_key (fingerprint);
CREATE INDEX ix_team_key_team_id ON team_key (team_id);
CREATE TABLE team_merge (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), into_id INTEGER NOT NULL REFERENCES team (id),
    said_by TEXT NOT NULL, reason TEXT NOT NULL, recorded {time} NOT NULL, withdrawn {time}
);
CREATE INDEX ix_team_merge_into_id ON team_merge (into_id);
CREATE INDEX ix_team_merge_team_id ON team_merge (team_id);
CREATE TABLE team_profile (
    id {number}, team_id INTEGER NOT NULL REFERENCES team (id), version INTEGER NOT NULL, dated DATE NOT NULL,
    digest TEXT NOT NULL, issued_by TEXT NOT NULL, recorded {time} NOT NULL
);
CREATE INDEX ix_team_profile_team_id ON team_profile (team_id);

-- drafting
CREATE TABLE draft_text (
    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, source_name TEXT NOT NULL,
    source_sha256 TEXT NOT NULL, source {bytes} NOT NULL
);
CREATE INDEX ix_draft_text_source_sha256 ON draft_text (source_sha256);
CREATE TABLE draft_step (
    text_id TEXT NOT NULL REFERENCES draft_text (id), seq INTEGER NOT NULL, at {time} NOT NULL, actor TEXT NOT NULL,
    body TEXT NOT NULL, prev TEXT NOT NULL, result TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT, origin TEXT,
    PRIMARY KEY (text_id, seq)
);

-- inbox
CREATE TABLE inbox_report (
    id {number}, reference TEXT NOT NULL UNIQUE, secret TEXT NOT NULL, act TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    what TEXT NOT NULL, place TEXT NOT NULL, happened TEXT NOT NULL, mailbox TEXT NOT NULL, language TEXT NOT NULL,
    state TEXT NOT NULL, owner INTEGER, received_at {time} NOT NULL, changed_at {time} NOT NULL
);
CREATE INDEX ix_inbox_report_changed_at ON inbox_report (changed_at);
CREATE INDEX ix_inbox_report_owner ON inbox_report (owner, id);
CREATE INDEX ix_inbox_report_state ON inbox_report (state, id);
CREATE TABLE inbox_entry (
    id {number}, report_id INTEGER NOT NULL REFERENCES inbox_report (id), at {time} NOT NULL, kind TEXT NOT NULL,
    person INTEGER, text TEXT NOT NULL, act TEXT UNIQUE
);
CREATE INDEX ix_inbox_entry_report_id ON inbox_entry (report_id);
CREATE TABLE inbox_file (
    id {number}, report_id INTEGER NOT NULL REFERENCES inbox_report (id), name TEXT NOT NULL,
    bytes INTEGER NOT NULL, sha256 TEXT NOT NULL
);
CREATE INDEX ix_inbox_file_report_id ON inbox_file (report_id);
CREATE INDEX ix_inbox_file_sha256 ON inbox_file (sha256);

-- letters
CREATE TABLE letter (
    id {number}, "key" TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, mailbox TEXT NOT NULL, subject TEXT NOT NULL,
    body TEXT NOT NULL, reply_to TEXT NOT NULL, answers TEXT NOT NULL, message_id TEXT NOT NULL,
    state TEXT NOT NULL, created_at {time} NOT NULL, due_at {time} NOT NULL, sent_at {time},
    attempts INTEGER NOT NULL, error TEXT NOT NULL, channel TEXT DEFAULT '' NOT NULL, path TEXT DEFAULT '' NOT NULL,
    released_at {time}
);
CREATE INDEX ix_letter_mailbox ON letter (mailbox);
CREATE INDEX ix_letter_message_id ON letter (message_id);
CREATE INDEX ix_letter_state_due_at ON letter (state, due_at);

-- mailroom
CREATE TABLE received_mail (
    id {number}, sha256 TEXT NOT NULL UNIQUE, content TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL,
    subject TEXT NOT NULL, arrived_at {time} NOT NULL, read_at {time} NOT NULL, size INTEGER NOT NULL,
    kind TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL, reasons {json} NOT NULL, ticket TEXT NOT NULL,
    delivery_id INTEGER, letter_id INTEGER, team_id INTEGER, matched_by TEXT NOT NULL
);
CREATE INDEX ix_received_mail_content ON received_mail (content);
CREATE INDEX ix_received_mail_delivery_id ON received_mail (delivery_id);
CREATE INDEX ix_received_mail_state_kind ON received_mail (state, kind);
CREATE INDEX ix_received_mail_team_id ON received_mail (team_id);
CREATE TABLE mail_bounce (
    id {number}, mail_id INTEGER NOT NULL REFERENCES received_mail (id), mailbox TEXT NOT NULL, at {time} NOT NULL,
    failed BOOLEAN NOT NULL, permanent BOOLEAN NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL,
    delivery_id INTEGER, letter_id INTEGER
);
CREATE INDEX ix_mail_bounce_delivery_id ON mail_bounce (delivery_id);
CREATE INDEX ix_mail_bounce_letter_id ON mail_bounce (letter_id);
CREATE INDEX ix_mail_bounce_mail_id ON mail_bounce (mail_id);
CREATE INDEX ix_mail_bounce_mailbox ON mail_bounce (mailbox);

-- api
CREATE TABLE request_once (
    id {number}, actor TEXT NOT NULL, "key" TEXT NOT NULL, digest TEXT NOT NULL, worker TEXT NOT NULL,
    at {time} NOT NULL, status INTEGER, headers {json} NOT NULL, body TEXT NOT NULL, UNIQUE (actor, "key")
);
CREATE INDEX ix_request_once_at ON request_once (at);

-- rules
CREATE TABLE rules_version (
    id {number}, at {time} NOT NULL, actor TEXT NOT NULL, why TEXT NOT NULL, text TEXT NOT NULL
);

-- uploads
CREATE TABLE upload (
    id {number}, uuid {uuid} NOT NULL, source TEXT NOT NULL, feed TEXT NOT NULL, files {json} NOT NULL,
    state TEXT NOT NULL, sent_by TEXT NOT NULL, sent_at {time} NOT NULL, begun_after INTEGER, done_at {time},
    ingests {json} NOT NULL, counts {json} NOT NULL, failed {json} NOT NULL, UNIQUE (uuid)
);
CREATE INDEX ix_upload_state ON upload (state);

-- answers
CREATE TABLE answer (
    id {number}, uuid {uuid} NOT NULL, delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    team_id INTEGER NOT NULL, verdict TEXT NOT NULL, problems {json}, note TEXT NOT NULL, at {time} NOT NULL,
    until {time}, via TEXT NOT NULL, said_by TEXT NOT NULL, "key" TEXT NOT NULL UNIQUE, UNIQUE (uuid)
);
CREATE INDEX ix_answer_at ON answer (at);
CREATE INDEX ix_answer_delivery_id ON answer (delivery_id);
CREATE INDEX ix_answer_team_id ON answer (team_id);
CREATE TABLE answered_digest (
    delivery_id INTEGER NOT NULL PRIMARY KEY REFERENCES delivery (id), problems {bytes} NOT NULL
);
