"""The secret scrubber: pure, bytes in, the same bytes or bytes with placeholders out.

Four rooms. A higher one may import a lower one; `redact` and `restore` do not know each other.

- ``redact``        a request body: every secret in it becomes a placeholder.
- ``restore``       an answer: placeholders become values again, where the policy allows it.
- ``detect``        where secrets are: the detectors, the user's rules, the scan.
- ``json``          JSON text: its tokens, its strings, their escapes.

Between them: ``placeholders`` says how they are written, ``automaton`` is RE2. Above them:
``review`` shows a person what would be replaced.

Import from the modules: whoever reads a report only loads no detector.
"""
