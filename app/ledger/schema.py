"""The tables of the ledger. A ledger's version is the number of migrations it has seen.

A migration never changes once it was released; a new one goes behind it. They are written for
SQLite, in words that PostgreSQL has too, or that `for_postgresql` translates.
"""

from collections.abc import Sequence

APPLICATION_ID = 0x616E7072  # "anpr": the mark of the file's kind (sqlite.org/fileformat.html)

_TOKENS = "input, output, cache_read, cache_write_5m, cache_write_1h, estimated, thinking"
_SUMS = f"{_TOKENS}, cost, unpriced".replace(",", " INTEGER NOT NULL,") + " INTEGER NOT NULL"

_FIRST = (
    # ``last`` is the day (since the epoch) of the newest row that has the name; an id is never
    # used for another name, since a second process may remember it.
    """CREATE TABLE names (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        last INTEGER NOT NULL
    )""",
    f"""CREATE TABLE exchanges (
        id INTEGER PRIMARY KEY,
        started INTEGER NOT NULL,
        duration INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        {_SUMS},
        detailed INTEGER NOT NULL,
        model INTEGER NOT NULL,
        session INTEGER,
        agent INTEGER,
        parent_agent INTEGER,
        agent_type INTEGER,
        prompt INTEGER,
        request_class INTEGER,
        labels INTEGER,
        route INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        status INTEGER,
        streamed INTEGER NOT NULL,
        stop_reason INTEGER,
        usage_missing INTEGER,
        cache_miss_reason INTEGER,
        error_source INTEGER,
        error_type INTEGER,
        error_reason INTEGER,
        compaction INTEGER,
        slot_wait INTEGER,
        overhead_request INTEGER,
        overhead_response INTEGER,
        upstream_headers INTEGER,
        first_byte INTEGER,
        first_token INTEGER,
        longest_event_gap INTEGER,
        longest_byte_gap INTEGER,
        longest_client_stall INTEGER,
        tool_time INTEGER,
        attempts INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        client_retry INTEGER NOT NULL,
        bytes_in INTEGER NOT NULL,
        bytes_out INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        secrets_found INTEGER NOT NULL,
        secrets_restored INTEGER NOT NULL,
        scrub_skipped INTEGER,
        window_5h_before INTEGER,
        window_5h_after INTEGER,
        window_7d_before INTEGER,
        window_7d_after INTEGER,
        request_id TEXT,
        client_request_id TEXT
    )""",
    "CREATE INDEX exchanges_started ON exchanges (started)",
    "CREATE INDEX exchanges_session ON exchanges (session) WHERE session IS NOT NULL",
    f"""CREATE TABLE billed (
        exchange INTEGER NOT NULL,
        number INTEGER NOT NULL,
        model INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        {_SUMS},
        PRIMARY KEY (exchange, number)
    ) WITHOUT ROWID""",
    # What a list of sessions shows, kept up to date with every row.
    f"""CREATE TABLE sessions (
        session INTEGER PRIMARY KEY,
        started INTEGER NOT NULL,
        last INTEGER NOT NULL,
        labels INTEGER,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        {_SUMS}
    )""",
    "CREATE INDEX sessions_last ON sessions (last)",
    # Sums of the quarter hours (numbered since the epoch) that exchanges began in. Tokens and cost
    # count under the model of each attempt, requests under the model of the answer.
    f"""CREATE TABLE quarters (
        quarter INTEGER NOT NULL,
        model INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        {_SUMS},
        PRIMARY KEY (quarter, model)
    ) WITHOUT ROWID""",
)

_NAMES = (
    "route",
    "outcome",
    "model",
    "session",
    "agent",
    "agent_type",
    "parent_agent",
    "prompt",
    "request_class",
    "labels",
)


def _text(column: str) -> str:
    return f"(SELECT name FROM names WHERE id = e.{column}) AS {column}"


# For people with a SQLite shell: names as text, times and costs as they are read.
_VIEW = f"""CREATE VIEW requests AS SELECT
    id,
    strftime('%Y-%m-%dT%H:%M:%fZ', started / 1000.0, 'unixepoch') AS started,
    duration / 1e6 AS seconds,
    status,
    {", ".join(map(_text, _NAMES))},
    {_TOKENS},
    cost / 1e9 AS cost_usd,
    first_token / 1e6 AS first_token_seconds,
    request_id
FROM exchanges AS e"""

# Why the prompt cache missed, and what fills the context.
_CACHE = (
    "ALTER TABLE exchanges ADD COLUMN cache_verdict INTEGER",
    "ALTER TABLE exchanges ADD COLUMN cache_kind INTEGER",
    "ALTER TABLE exchanges ADD COLUMN cache_block INTEGER",
    "ALTER TABLE exchanges ADD COLUMN cache_missed INTEGER",
    "ALTER TABLE exchanges ADD COLUMN cache_miss_cost INTEGER",
    "ALTER TABLE exchanges ADD COLUMN cache_saved INTEGER",
    "ALTER TABLE exchanges ADD COLUMN context TEXT",
    "DROP VIEW requests",
    _VIEW.replace(
        "    request_id\n",
        f"    request_id,\n    {_text('cache_verdict')},\n    cache_missed,\n"
        "    cache_miss_cost / 1e9 AS cache_miss_cost_usd\n",
    ),
)

# A session's prompts and agents, without a look at its rows.
_TREE = (
    "CREATE INDEX exchanges_tree ON exchanges (session, prompt, agent) WHERE session IS NOT NULL",
)

# Sums of the exchanges of a quarter hour that have session, agent and labels in common, made some
# thousand exchanges at a time: ``id`` is that of the last exchange in it, so that those behind the
# greatest are in none yet.
_SUMMARIES = (
    f"""CREATE TABLE summaries (
        id INTEGER PRIMARY KEY,
        quarter INTEGER NOT NULL,
        session INTEGER,
        agent INTEGER,
        agent_type INTEGER,
        labels INTEGER,
        started INTEGER NOT NULL,
        last INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        {_SUMS}
    )""",
    "CREATE INDEX summaries_quarter ON summaries (quarter)",
    "CREATE INDEX summaries_session ON summaries (session)",
)

MIGRATIONS: Sequence[Sequence[str]] = ((*_FIRST, _VIEW), _CACHE, _TREE, _SUMMARIES)
VERSION = len(MIGRATIONS)

_POSTGRESQL = (
    (
        "INTEGER PRIMARY KEY AUTOINCREMENT",
        "INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    ),
    ("INTEGER", "BIGINT"),
    (") WITHOUT ROWID", ")"),
    (
        "strftime('%Y-%m-%dT%H:%M:%fZ', started / 1000.0, 'unixepoch')",
        "to_timestamp(started / 1000.0)",
    ),
)


def for_postgresql(statement: str) -> str:
    """Return a statement of a migration in PostgreSQL's words."""
    for ours, theirs in _POSTGRESQL:
        statement = statement.replace(ours, theirs)
    return statement
