// The proxy's identity: its name in the title, the demo mark, and how clients reach it.

const TITLE = document.title;
const MADE = "/ca.crt"; // the path of a CA made by the proxy ends like this
const SAVED = "$PWD/anthropic-proxy-ca.crt"; // as saved by a browser that is not where the proxy is
const SIGNER = "…  # the CA that signed the proxy's certificate";
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Return the document's title: the number of alerts, and the proxy's name. */
export function title({ alerts, instance: { host, simulated } }) {
  const marks = alerts.length > 0 ? [`▲ ${alerts.length}`] : [];
  return [...marks, simulated ? `${TITLE} demo` : TITLE, host].filter(Boolean).join(" · ");
}

/** Show in `element` the shell commands that point Claude Code at the proxy. */
export function showFirstSteps(element, { instance }) {
  const local = LOOPBACK.test(location.hostname) && !instance.contained;
  const made = instance.ca_file?.endsWith(MADE) ?? false;
  element.querySelector("#fetch-ca").hidden = local || !made;
  const text = commands(instance, location, local ? instance.ca_file : made ? SAVED : SIGNER).join("\n");
  const lines = element.querySelector("pre");
  lines.hidden = text === "";
  if (lines.textContent !== text) lines.textContent = text;
}

/** Return the commands; `place` is the page's own location, `trusted` the CA's file. */
export function commands({ port }, place, trusted) {
  if (port === null) return [];
  const base = place.protocol === "https:" ? place.host : `${place.hostname}:${port}`;
  return [
    `export ANTHROPIC_BASE_URL=https://${base}`,
    `export NODE_EXTRA_CA_CERTS=${trusted}`,
  ];
}
