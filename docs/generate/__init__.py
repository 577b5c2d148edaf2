"""The tables of the documentation that come from the code.

``blocks`` has the list of them, one module each makes their text, and ``pages`` puts the text into
the pages, between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. ``python -m
docs.generate`` (``make docs``) writes them; a test holds the pages to the code.
"""
