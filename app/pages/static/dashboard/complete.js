// Loads the page again when one of its files could not be loaded: a browser gives up what it loads
// when the machine joins or leaves a network. No module, because one that fails runs nothing. While
// this file itself is missing, the page's own note says so.

"use strict";

{
  const PAUSE = 2000; // milliseconds before the page is loaded again
  const LONGER = 30_000; // the same, of a page that was
  const again = performance.getEntriesByType("navigation")[0]?.type === "reload";
  let failed = false;

  /** Load the page again once the proxy answers: a page of the browser's would not come back. */
  const reload = async () => {
    const answered = await fetch(location.href, { cache: "no-store" }).then((answer) => answer.ok, () => false);
    if (answered) location.reload();
    else setTimeout(reload, PAUSE);
  };

  const note = ({ target }) => {
    if (failed || !(target instanceof Element) || !target.matches("script, link[rel=stylesheet]")) return;
    failed = true;
    setTimeout(reload, again ? LONGER : PAUSE);
  };

  addEventListener("error", note, true); // it does not bubble
  addEventListener("load", () => { document.getElementById("incomplete").hidden = !failed; });
}
