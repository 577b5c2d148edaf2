"""Where secrets are in JSON-escaped text.

- ``detector``   what a detector is: one kind of secret, as data.
- ``detectors``  the sixteen; ``extended`` has those to switch on.
- ``edges``      where a token begins.
- ``addresses``, ``blocks``, ``urls``, ``lookalikes``, ``validators``: what patterns cannot say.
- ``rules``      the detectors in force, the user's own, the allow-list; tried on ``examples``.
- ``scan``       finds secrets in a text: ``sources`` give away where one may start,
  ``candidates`` puts that in order, ``hits`` is what detectors find there. ``dense`` bounds how
  much is looked at.
- ``prefilter``  which values hold no sign at all, and in which ``windows`` of others signs stand;
  it searches ``groups`` of them at a time.
- ``recognize``  whether a value would be found again where it is put.
"""
