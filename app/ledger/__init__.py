"""The ledger: one row per finished exchange, kept on this machine; never any content.

- ``labels``   the user's labels of a request.
- ``rows``     what a row holds.
- ``batch``    rows by columns.
- ``schema``   the tables, as migrations.
- ``file``     the file: made private, set aside when it is damaged or another program's.
- ``store``    what the thread that writes needs of a database.
- ``tables``   the rows in SQL, whichever database keeps them.
- ``sqlite``   a file of SQLite's.
- ``server``   which PostgreSQL, without its password.
- ``postgres`` a database of PostgreSQL's.
- ``places``   which of the two it is.
- ``expiry``   pure: when old rows may be deleted, whatever the clock does.
- ``writer``   the thread between the event loop and the store.
- ``reader``   a connection that only reads.
- ``figures``  numbers and amounts as people read them.
- ``views``    JSON documents for the pages.
- ``report``   groups as JSON and CSV.
- ``table``    groups as a table for people.
- ``queries``  what people ask of the ledger, by day, session, model and so on.
- ``days``     sums by day and model.
- ``prompts``  a session's prompts with their agents.
- ``requests`` a session's requests one by one.
"""
