"""The parts of the documentation that come from the code.

``blocks`` has the list of a page's tables, one module each makes their text, and ``pages`` puts
the text between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. ``manual`` is the manual
page. ``python -m docs.generate`` (``make docs``) writes all; a test holds them to the code.
"""
