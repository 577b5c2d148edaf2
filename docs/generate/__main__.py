"""Write every generated part of the pages, and the manual page."""

import logging

import structlog

from docs.generate import manual
from docs.generate.pages import PAGES, filled

if __name__ == "__main__":
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)  # the metrics need requests
    structlog.configure(wrapper_class=quiet)
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), encoding="utf-8")
    manual.PAGE.write_text(manual.page(), encoding="utf-8")
